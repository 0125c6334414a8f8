"""The table of what can be asked: method, path, who may, what answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from . import assets, deployments, downloads, gitdata, issues, labels, overview, pulls, releases, workflows
from .call import Call
from .messages import Answer
from .permissions import Level


@dataclass(frozen=True)
class Route:
    """``shape`` names the answer's schema in shapes.json: ``[x]`` for a list, ``x?`` where only a part is given."""

    method: str
    path: str
    does: Callable[[Call], Answer]
    area: str
    level: Level
    docs: str = ""
    shape: str = ""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The path as an expression: ids are numbers, refs and tags may hold slashes."""
        kinds = {"id": r"\d+", "ref": ".+", "tag": ".+", "basehead": ".+"}
        parts = re.split(r"\{(\w+)\}", self.path)
        pairs = zip(parts[::2], [*parts[1::2], ""], strict=True)
        named = [re.escape(text) + (f"(?P<{name}>{kinds.get(name, '[^/]+')})" if name else "") for text, name in pairs]
        return re.compile("".join(named))


ANYONE = "metadata"
RUNS = "workflow_runs:[workflow-run?]"
Row = tuple[str, str, Callable[[Call], Answer], str, str]


def rows(area: str, docs: str, *given: Row, below: str = "") -> Iterator[Route]:
    """Routes of one area below a path, documented on one page: (method, path, what answers, anchor, shape)."""
    for method, path, does, anchor, shape in given:
        level: Level = "read" if method == "GET" else "write"
        yield Route(method, below + path, does, area, level, f"{docs}#{anchor}", shape)


# Below /repos/OWNER/NAME; the first that matches answers.
REPOSITORY = [
    *rows(
        ANYONE,
        "/repos/repos",
        ("GET", "", overview.get_repository, "get-a-repository", "repository?"),
    ),
    *rows(
        "contents",
        "/releases/releases",
        ("GET", "/releases", releases.list_releases, "list-releases", "[release]"),
        ("POST", "/releases", releases.create_release, "create-a-release", "release"),
        ("GET", "/releases/latest", releases.get_latest, "get-the-latest-release", "release"),
        ("GET", "/releases/tags/{tag}", releases.get_by_tag, "get-a-release-by-tag-name", "release"),
        ("GET", "/releases/{id}", releases.get_release, "get-a-release", "release"),
        ("PATCH", "/releases/{id}", releases.update_release, "update-a-release", "release"),
        ("DELETE", "/releases/{id}", releases.delete_release, "delete-a-release", ""),
    ),
    *rows(
        "contents",
        "/releases/assets",
        ("GET", "/releases/{id}/assets", assets.list_assets, "list-release-assets", "[release-asset]"),
        ("POST", "/releases/{id}/assets", assets.upload_asset, "upload-a-release-asset", "release-asset"),
        ("GET", "/releases/assets/{id}", assets.get_asset, "get-a-release-asset", "release-asset"),
        ("DELETE", "/releases/assets/{id}", assets.delete_asset, "delete-a-release-asset", ""),
    ),
    *rows(
        "contents",
        "/git/refs",
        ("GET", "/git/ref/{ref}", gitdata.get_ref, "get-a-reference", "git-ref"),
        ("GET", "/git/matching-refs/{ref}", gitdata.matching_refs, "list-matching-references", "[git-ref]"),
        ("POST", "/git/refs", gitdata.create_ref, "create-a-reference", "git-ref"),
    ),
    *rows(
        "contents",
        "/commits/commits",
        ("GET", "/commits/{ref}", gitdata.get_commit, "get-a-commit", "commit"),
        ("GET", "/compare/{basehead}", gitdata.compare, "compare-two-commits", "commit-comparison"),
    ),
    *rows("contents", "/git/tags", ("GET", "/git/tags/{sha}", gitdata.get_tag, "get-a-tag", "git-tag")),
    *rows(
        "contents",
        "/git/commits",
        ("GET", "/git/commits/{sha}", gitdata.get_git_commit, "get-a-commit-object", "git-commit"),
    ),
    *rows(
        "actions",
        "/actions/workflows",
        ("GET", "/{workflow}", workflows.get_workflow, "get-a-workflow", "workflow"),
        ("POST", "/{workflow}/dispatches", workflows.create_dispatch, "create-a-workflow-dispatch-event", ""),
        below="/actions/workflows",
    ),
    *rows(
        "actions",
        "/actions/workflow-runs",
        ("GET", "/workflows/{workflow}/runs", workflows.list_runs, "list-workflow-runs-for-a-workflow", RUNS),
        ("GET", "/runs", workflows.list_runs, "list-workflow-runs-for-a-repository", RUNS),
        ("GET", "/runs/{id}", workflows.get_run, "get-a-workflow-run", "workflow-run?"),
        below="/actions",
    ),
    *rows(
        "deployments",
        "/deployments/deployments",
        ("GET", "/deployments", deployments.list_deployments, "list-deployments", "[deployment]"),
        ("POST", "/deployments", deployments.create_deployment, "create-a-deployment", "deployment"),
        ("GET", "/deployments/{id}", deployments.get_deployment, "get-a-deployment", "deployment"),
    ),
    *rows(
        "deployments",
        "/deployments/statuses",
        ("GET", "", deployments.list_statuses, "list-deployment-statuses", "[deployment-status]"),
        ("POST", "", deployments.create_status, "create-a-deployment-status", "deployment-status"),
        below="/deployments/{id}/statuses",
    ),
    *rows(
        "issues",
        "/issues/issues",
        ("GET", "/issues", issues.list_issues, "list-repository-issues", "[issue]"),
        ("POST", "/issues", issues.create_issue, "create-an-issue", "issue"),
        ("GET", "/issues/{id}", issues.get_issue, "get-an-issue", "issue"),
        ("PATCH", "/issues/{id}", issues.update_issue, "update-an-issue", "issue"),
    ),
    *rows(
        "issues",
        "/issues/comments",
        ("GET", "/issues/{id}/comments", issues.list_comments, "list-issue-comments", "[issue-comment]"),
        ("POST", "/issues/{id}/comments", issues.create_comment, "create-an-issue-comment", "issue-comment"),
    ),
    *rows(
        "issues",
        "/issues/labels",
        ("POST", "/issues/{id}/labels", labels.add_labels, "add-labels-to-an-issue", "[label]"),
        ("GET", "/labels", labels.list_labels, "list-labels-for-a-repository", "[label]"),
        ("POST", "/labels", labels.create_label, "create-a-label", "label"),
        ("GET", "/labels/{name}", labels.get_label, "get-a-label", "label"),
    ),
    *rows(
        "pull-requests",
        "/pulls/pulls",
        ("GET", "/pulls", pulls.list_pulls, "list-pull-requests", "[pull-request?]"),
        ("POST", "/pulls", pulls.create_pull, "create-a-pull-request", "pull-request?"),
        ("GET", "/pulls/{id}", pulls.get_pull, "get-a-pull-request", "pull-request?"),
        ("PATCH", "/pulls/{id}", pulls.update_pull, "update-a-pull-request", "pull-request?"),
    ),
]
RATE_LIMIT = Route(
    "GET", "/rate_limit", overview.rate_limit, ANYONE, "read", "/rate-limit/rate-limit", "rate-limit-overview"
)
BROWSER = Route("GET", "/releases/download/{tag}/{name}", downloads.browser_download, ANYONE, "read")
STORAGE = Route("GET", "/storage/{key}", downloads.stored_bytes, ANYONE, "read")
