"""The business of prepaid supply: knows nothing of chat, HTTP, Modbus or MongoDB."""
