// Shows the contract that this very server serves.
"use strict";
window.SwaggerUIBundle({ url: "/api/v1/openapi.json", dom_id: "#guide", deepLinking: true, validatorUrl: null });
