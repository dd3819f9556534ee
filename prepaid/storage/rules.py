"""What the store itself enforces where it pays: money, relay generations and registers, whoever writes.

Only fields that have always been there are required, so that documents of an older program stay writable (a rolling
upgrade runs both).
"""

from __future__ import annotations

from typing import Any

from prepaid.domain.orders import OrderState

WHOLE = {"bsonType": ["int", "long"]}
COUNT = {**WHOLE, "minimum": 0}

ORDERS: dict[str, Any] = {
    "$jsonSchema": {
        "required": ["account_id", "amount_fen", "state", "created_at"],
        "properties": {
            "account_id": {"bsonType": "string"},
            "amount_fen": {**WHOLE, "minimum": 1},
            "state": {"enum": sorted(OrderState)},
            "created_at": {"bsonType": "date"},
        },
    }
}
SUPPLIES: dict[str, Any] = {
    "$jsonSchema": {
        "required": ["site_id", "gateway_id", "wanted"],
        "properties": {
            "wanted": {
                "bsonType": "object",
                "required": ["on", "generation", "at"],
                "properties": {"on": {"bsonType": "bool"}, "generation": COUNT, "at": {"bsonType": "date"}},
            }
        },
    }
}
METERS: dict[str, Any] = {
    "$jsonSchema": {
        "required": ["site_id", "gateway_id", "unit"],
        "properties": {"unit": COUNT, "held": COUNT, "register_epoch": COUNT, "offset_wh": WHOLE},
    }
}
