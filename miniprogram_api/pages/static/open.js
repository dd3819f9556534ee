// Presses the button for whoever has scripts. Chats that fetch a link to show what is behind it press nothing.
"use strict";
document.forms[0].requestSubmit();
