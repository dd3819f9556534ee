"""Strict Modbus links, one file for each transport."""
