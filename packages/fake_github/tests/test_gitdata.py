"""Refs, tags, commits and comparisons are those of the bare repository."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_github.clients import Client
from fake_github.fake import GitHub
from fake_github.origin import git


def test_a_lightweight_tag_points_at_its_commit_and_an_annotated_one_at_its_object(reader: Client, bare: Path) -> None:
    light, annotated = (reader.get(f"git/ref/tags/{tag}").json["object"] for tag in ("v1.1.0", "v1.0.0"))
    assert (light["type"], light["sha"]) == ("commit", git(bare, "rev-parse", "v1.1.0"))
    assert (annotated["type"], annotated["sha"]) == ("tag", git(bare, "rev-parse", "v1.0.0"))


def test_an_annotated_tag_says_what_it_tags(reader: Client, bare: Path) -> None:
    sha = git(bare, "rev-parse", "v1.0.0")
    tag = reader.get(f"git/tags/{sha}").json
    assert (tag["tag"], tag["object"]["sha"]) == ("v1.0.0", git(bare, "rev-parse", "v1.0.0^{commit}"))
    assert tag["message"].strip() == "one"
    assert reader.get(f"git/tags/{git(bare, 'rev-parse', 'v1.1.0')}").status == 404


def test_a_ref_is_exact_and_matching_refs_share_a_beginning(reader: Client) -> None:
    assert reader.get("git/ref/tags/v1").status == 404
    assert [r["ref"] for r in reader.get("git/matching-refs/tags/v1").json] == ["refs/tags/v1.0.0", "refs/tags/v1.1.0"]
    assert reader.get("git/matching-refs/tags/none").json == []


def test_a_new_push_is_seen_at_once(reader: Client, bare: Path) -> None:
    git(bare, "tag", "v3.0.0", "main")
    assert reader.get("git/ref/tags/v3.0.0").status == 200


def test_a_created_ref_is_real_and_cannot_be_created_twice(writer: Client, bare: Path, github: GitHub) -> None:
    sha = git(bare, "rev-parse", "v1.1.0")
    assert writer.post("git/refs", ref="refs/tags/v5.0.0", sha=sha).status == 201
    assert git(bare, "rev-parse", "v5.0.0") == sha
    assert writer.post("git/refs", ref="refs/tags/v5.0.0", sha=sha).message == "Reference already exists"
    assert writer.post("git/refs", ref="refs/tags/v6.0.0", sha="0" * 39 + "1").message == "Object does not exist"
    assert writer.post("git/refs", ref="v6.0.0", sha=sha).status == 422
    assert {(event.name, event.starts_workflows) for event in github.events} == {("create", False), ("push", False)}


@pytest.mark.parametrize("name", ["main", "v1.0.0", "topic"])
def test_a_commit_is_found_by_branch_tag_and_sha(reader: Client, bare: Path, name: str) -> None:
    sha = git(bare, "rev-parse", f"{name}^{{commit}}")
    commit = reader.get(f"commits/{name}").json
    assert commit["sha"] == sha == reader.get(f"commits/{sha}").json["sha"]
    assert commit["commit"]["committer"]["date"].startswith("2026-")
    assert reader.get(f"git/commits/{sha}").json["tree"]["sha"] == git(bare, "rev-parse", f"{name}^{{tree}}")


def test_a_commit_that_is_not_there_is_422_and_an_object_404(reader: Client) -> None:
    assert reader.get("commits/v9").status == 422
    assert reader.get(f"git/commits/{'0' * 39}1").status == 404


@pytest.mark.parametrize(
    ("basehead", "status", "ahead", "behind"),
    [
        ("v1.0.0...main", "ahead", 2, 0),
        ("main...v1.0.0", "behind", 0, 2),
        ("topic...flows", "diverged", 1, 1),
        ("main...v2.0.0", "identical", 0, 0),
    ],
)
def test_a_comparison_counts_both_ways(reader: Client, basehead: str, status: str, ahead: int, behind: int) -> None:
    comparison = reader.get(f"compare/{basehead}").json
    assert (comparison["status"], comparison["ahead_by"], comparison["behind_by"]) == (status, ahead, behind)
    assert len(comparison["commits"]) == ahead


def test_a_comparison_with_what_is_not_there_is_404(reader: Client) -> None:
    assert reader.get("compare/v9...main").status == 404
