"""Refs, tags, commits and comparisons, read from the bare repository."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from .call import Call, paged
from .messages import Answer, Refused, created, not_found
from .repository import Repository, stamp

UNSIGNED = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}


def get_ref(call: Call) -> Answer:
    """The ref of exactly that name (``heads/...`` or ``tags/...``)."""
    for found in call.repository.bare.refs(f"refs/{call.params['ref']}"):
        if found[0] == f"refs/{call.params['ref']}":
            return Answer(200, ref_json(call.repository, *found))
    raise not_found()


def matching_refs(call: Call) -> Answer:
    return paged(
        call, [ref_json(call.repository, *found) for found in call.repository.bare.refs(f"refs/{call.params['ref']}")]
    )


def create_ref(call: Call) -> Answer:
    """201; the object must exist, the ref must not."""
    repository, fields = call.repository, call.fields
    ref, sha = fields.need("ref"), fields.need("sha")
    if not ref.startswith("refs/") or ref.count("/") < 2:
        raise Refused(422, "Reference name must start with 'refs/' and contain at least two slashes.")
    kind = repository.bare.ask("cat-file", "-t", sha)
    if kind is None:
        raise Refused(422, "Object does not exist")
    if repository.bare.full_ref(ref):
        raise Refused(422, "Reference already exists")
    repository.bare.create_ref(ref, sha)
    for event in ("create", "push"):
        repository.happened(call.writer, event, ref=ref, sha=sha)
    return created(ref_json(repository, ref, sha, kind))


def get_tag(call: Call) -> Answer:
    """An annotated tag by the SHA of its own object; a commit's SHA is 404."""
    bare, sha = call.repository.bare, call.params["sha"]
    if bare.ask("cat-file", "-t", sha) != "tag":
        raise not_found()
    head, _, message = bare.git("cat-file", "tag", sha).partition("\n\n")
    lines = dict(line.split(" ", 1) for line in head.splitlines())
    who, _, when = lines["tagger"].rpartition("> ")
    name, _, mail = who.partition(" <")
    date = stamp(datetime.fromtimestamp(int(when.split()[0]), UTC))
    target = {
        "sha": lines["object"],
        "type": lines["type"],
        "url": f"{call.repository.api}/git/commits/{lines['object']}",
    }
    body = {"node_id": f"TA_{sha}", "tag": lines["tag"], "sha": sha, "url": f"{call.repository.api}/git/tags/{sha}"}
    tagger = {"name": name, "email": mail, "date": date}
    return Answer(200, {**body, "message": message, "tagger": tagger, "object": target, "verification": UNSIGNED})


def get_git_commit(call: Call) -> Answer:
    return Answer(200, git_commit_json(call.repository, resolved(call, call.params["sha"])))


def get_commit(call: Call) -> Answer:
    """A commit by branch, tag or SHA; 422 when there is none."""
    return Answer(200, commit_json(call.repository, resolved(call, call.params["ref"], 422)))


def resolved(call: Call, name: str, status: int = 404) -> str:
    sha = call.repository.bare.commit(name)
    if sha is None:
        raise not_found() if status == 404 else Refused(422, f"No commit found for SHA: {name}")
    return sha


def compare(call: Call) -> Answer:
    """How far head is ahead of and behind base; ``behind_by`` 0 says that base is an ancestor."""
    repository, bare = call.repository, call.repository.bare
    base, dots, head = call.params["basehead"].partition("...")
    base_sha, head_sha = resolved(call, base), resolved(call, head if dots else "")
    fork = bare.ask("merge-base", base_sha, head_sha)
    if not fork:
        raise Refused(404, f"No common ancestor between {base} and {head}.")
    page, url = f"{repository.page}/compare/{base}...{head}", f"{repository.api}/compare/{base}...{head}"
    urls = {
        "url": url,
        "html_url": page,
        "permalink_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
    }
    ends = {"base_commit": commit_json(repository, base_sha), "merge_base_commit": commit_json(repository, fork)}
    return Answer(200, {**urls, **ends, **between(repository, base_sha, head_sha), "files": []})


def between(repository: Repository, base: str, head: str) -> dict[str, Any]:
    """The commits that head has and base has not, oldest first, 250 at most, and the counts."""
    ahead, behind = repository.bare.count(base, head), repository.bare.count(head, base)
    status = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind"}.get((ahead > 0, behind > 0))
    shas = repository.bare.git("rev-list", "--reverse", f"{base}..{head}").split()[:250]
    counts = {"ahead_by": ahead, "behind_by": behind, "total_commits": ahead}
    return {"status": status or "identical", **counts, "commits": [commit_json(repository, sha) for sha in shas]}


def ref_json(repository: Repository, ref: str, sha: str, kind: str) -> dict[str, Any]:
    target = {"sha": sha, "type": kind, "url": f"{repository.api}/git/{kind}s/{sha}"}
    return {"ref": ref, "node_id": f"REF_{ref}", "url": f"{repository.api}/git/{ref}", "object": target}


def git_commit_json(repository: Repository, sha: str) -> dict[str, Any]:
    sha, tree, parents, *people, message = repository.bare.details(sha)
    author, committer = (dict(zip(("name", "email", "date"), people[at : at + 3], strict=True)) for at in (0, 3))
    url = f"{repository.api}/git/commits"
    return {
        "sha": sha,
        "node_id": f"C_{sha}",
        "url": f"{url}/{sha}",
        "html_url": f"{repository.page}/commit/{sha}",
        "author": author,
        "committer": committer,
        "tree": {"sha": tree, "url": f"{repository.api}/git/trees/{tree}"},
        "message": message.strip(),
        "parents": [
            {"sha": p, "url": f"{url}/{p}", "html_url": f"{repository.page}/commit/{p}"} for p in parents.split()
        ],
        "verification": UNSIGNED,
    }


def commit_json(repository: Repository, sha: str) -> dict[str, Any]:
    commit = git_commit_json(repository, sha)
    url = f"{repository.api}/commits/{commit['sha']}"
    inner = {key: commit[key] for key in ("author", "committer", "message", "tree", "verification")}
    outer = {key: commit[key] for key in ("sha", "node_id", "html_url", "parents")}
    about = {"url": url, "comments_url": f"{url}/comments", "author": None, "committer": None}
    return {**outer, **about, "commit": {**inner, "url": commit["url"], "comment_count": 0}}
