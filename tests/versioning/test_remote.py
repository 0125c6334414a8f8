"""The one push: the remote takes all or nothing, and what it has is the answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from slipway.errors import ReleaseError
from slipway.versioning.git.checkout import checkout_at, file_at, list_changes
from slipway.versioning.git.remote import list_refs, push
from tests.support.git_repositories import commit, git, hook, pushed, refs, template


def test_what_the_remote_took_is_there_with_every_ref(tmp_path: Path) -> None:
    root = template(tmp_path)
    checkout, new = checkout_at(root), commit(root, "feat: new")
    assert push(checkout, {"refs/heads/main": new, "refs/heads/aside": new}) is None
    assert refs(root) == {"main": new, "aside": new}
    assert list_refs(checkout, "refs/heads/aside") == {"refs/heads/aside": new}


def test_where_one_ref_is_refused_none_moves_and_the_answer_is_what_the_remote_has(tmp_path: Path) -> None:
    root = template(tmp_path)
    checkout, new = checkout_at(root), commit(root, "feat: new")
    hook(root, 'if [ "$1" = refs/heads/aside ]; then echo "nobody pushes aside"; exit 1; fi')
    refusal = push(checkout, {"refs/heads/main": new, "refs/heads/aside": new})
    assert refusal is not None
    assert refusal.refs == {"refs/heads/main": checkout.commit}
    assert "nobody pushes aside" in refusal.output
    assert refs(root) == {"main": checkout.commit}


def test_a_branch_that_moved_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    root = template(tmp_path)
    checkout = checkout_at(root)
    theirs = pushed(root, "fix: theirs")
    git(root, "reset", "-q", "--hard", checkout.commit)
    refusal = push(checkout, {"refs/heads/main": commit(root, "fix: ours")})
    assert refusal is not None
    assert refusal.refs == {"refs/heads/main": theirs}


def test_a_push_that_failed_after_the_remote_had_all_of_it_counts_as_done(tmp_path: Path) -> None:
    root = template(tmp_path)
    checkout, new = checkout_at(root), pushed(root, "feat: new")
    git(root, "remote", "set-url", "--push", "origin", str(tmp_path / "nowhere"))
    assert push(checkout, {"refs/heads/main": new}) is None


def test_a_remote_that_is_gone_is_a_release_error(tmp_path: Path) -> None:
    root = template(tmp_path)
    checkout = checkout_at(root)
    git(root, "remote", "set-url", "origin", str(tmp_path / "nowhere"))
    with pytest.raises(ReleaseError, match="`git ls-remote` failed"):
        push(checkout, {"refs/heads/aside": checkout.commit})


def test_a_file_is_read_as_it_was_committed_or_there_is_none(tmp_path: Path) -> None:
    root = template(tmp_path)
    (root / "CHANGELOG.md").write_text("changed")
    (root / "new.txt").touch()
    assert file_at(root, "HEAD", "./CHANGELOG.md") == "# Changelog\n\n<!-- version list -->\n"
    assert file_at(root, "HEAD", "new.txt") is None
    assert file_at(root, "refs/tags/", "CHANGELOG.md") is None
    assert list_changes(root, "--untracked-files=no") == "CHANGELOG.md"
    assert list_changes(root) == "CHANGELOG.md, new.txt"
    for number in range(6):
        (root / f"{number}.txt").touch()
    assert list_changes(root) == "CHANGELOG.md, 0.txt, 1.txt, 2.txt, 3.txt and 3 more"
