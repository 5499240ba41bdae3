"""The built-in complaint register as a CRM: the default. The case is the register's own row, so it needs nobody else."""

from __future__ import annotations

from ivr.crm.port import CaseNews
from ivr.delivery import Delivered, Delivery


class BuiltInRegister:
    """Native unique key: the row was written with the complaint; its number is its reference."""

    name = "register"

    async def open_case(self, news: CaseNews) -> Delivery:
        return Delivered(news.complaint.number)

    async def update_case(self, news: CaseNews) -> Delivery:
        return Delivered(news.complaint.number)
