"""Pages through tables too large to count: it looks one row ahead to know whether there is more; web process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import Page, Paginator
from django.utils.functional import cached_property

DEEPEST_PAGE = 200
"""Further back a filter is quicker than turning pages: the database walks over every row that it skips."""


if TYPE_CHECKING:
    _Paginator = Paginator[Any]
else:  # takes no type argument when it runs
    _Paginator = Paginator


class LookAheadPaginator(_Paginator):
    """Knows the page that is asked for and whether another follows, and never how many rows there are.

    :param number: the page that will be asked for
    """

    def __init__(self, object_list: Any, per_page: int, number: int) -> None:
        super().__init__(object_list, per_page)
        self.number = min(max(1, number), DEEPEST_PAGE)

    @cached_property
    def rows(self) -> list[Any]:
        bottom = (self.number - 1) * self.per_page
        return list(self.object_list[bottom : bottom + self.per_page + 1])

    @cached_property
    def count(self) -> int:
        """The rows up to here, and one more where there is more: enough to tell the pages that can be opened."""
        return (self.number - 1) * self.per_page + len(self.rows)

    @property
    def has_more(self) -> bool:
        """Whether a page follows that may be opened."""
        return len(self.rows) > self.per_page and self.number < DEEPEST_PAGE

    @property
    def too_deep(self) -> bool:
        """Whether there are more rows, but on pages that may not be opened."""
        return len(self.rows) > self.per_page and self.number >= DEEPEST_PAGE

    def page(self, number: int | str) -> Page[Any]:
        """Return the page; a number past the end gives the first page that is empty."""
        return Page(self.rows[: self.per_page], self.number, self)
