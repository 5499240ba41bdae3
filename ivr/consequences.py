"""What follows from a contact's end (an alert, a promise to call back): done in the transaction that stores the end. For ``ivr.tracking``.

So neither can be there without the other. A contact ends once, whatever is told of it later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from ivr.domain.contacts import Contact

log = structlog.get_logger(__name__)

Consequence = Callable[[Session, Contact], None]


def draw(session: Session, ended: Sequence[Contact], consequences: Sequence[Consequence]) -> None:
    """Raises SQLAlchemyError. A fault of one consequence costs that one alone: the record, and all others with it, must be stored.

    Were it raised, the same contact would end the daemon again after each of its starts.
    """
    for contact in ended:
        for consequence in consequences:
            try:
                with session.begin_nested():
                    consequence(session, contact)
            except SQLAlchemyError:
                raise
            except Exception:
                log.exception("what should follow from the end of a call failed and is left out", contact=contact.id)
