"""A page of jobs with the newest runs of each: as many queries for fifty jobs as for one; web process."""

from __future__ import annotations

from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest

from ..models import LIVE
from .job_runs import newest_runs
from .job_schedule import schedule_of
from .paging import DEEPEST_PAGE

COUNTED = 500
"""Jobs up to which a list is counted; beyond, it says that there are more."""


class JobList(ChangeList):
    """The jobs that match; one look at the keys of the first `COUNTED` tells the page, and how many there are."""

    def get_results(self, request: HttpRequest) -> None:
        size = self.list_per_page
        self.page_num = min(max(1, self.page_num), DEEPEST_PAGE)
        first = (self.page_num - 1) * size
        keys = self.queryset.values_list("pk", flat=True)
        found = list(keys[: COUNTED + 1])
        self.result_count, self.is_counted = min(len(found), COUNTED), len(found) <= COUNTED
        page = found[first : first + size + 1]
        if not self.is_counted and first + size >= COUNTED:
            page = list(keys[first : first + size + 1])
        self.result_list = self._jobs(page[:size])
        self.full_result_count, self.show_full_result_count = self.result_count, False
        self.show_admin_actions, self.can_show_all, self.multi_page = bool(found), False, False
        has_more = len(page) > size
        self.has_pages, self.too_deep = has_more or self.page_num > 1, has_more and self.page_num == DEEPEST_PAGE
        self.before_url = self.get_query_string({"p": self.page_num - 1}) if self.page_num > 1 else ""
        self.after_url = self.get_query_string({"p": self.page_num + 1}) if has_more and not self.too_deep else ""
        self.pages = -(-len(found) // size) if self.is_counted else None

    def _jobs(self, keys: list[str]) -> list[object]:
        known = {job.pk: job for job in self.root_queryset.filter(pk__in=keys)}
        jobs = [known[key] for key in keys if key in known]
        runs = newest_runs([job.pk for job in jobs])
        for job in jobs:
            job.runs, job.schedule = runs[job.pk], schedule_of(job)
        self.moving = any(run.state in LIVE for job in jobs for run in job.runs[:3])
        return jobs
