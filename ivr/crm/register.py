"""The built-in complaint register as a CRM: the default. The case is the register's own row, so opening it needs nobody else."""

from __future__ import annotations

from ivr.crm.port import Delivered, Delivery
from ivr.store.complaints import Complaint


class BuiltInRegister:
    """Native unique key: the row was written with the complaint; its number is its reference."""

    name = "register"

    async def open_case(self, complaint: Complaint) -> Delivery:
        return Delivered(complaint.number)
