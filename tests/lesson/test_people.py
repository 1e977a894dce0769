"""People of a lesson, without a cluster; what the API server does with them is shown by lesson 08 and its exercises."""

from __future__ import annotations

from pathlib import Path

import pytest

from oamkit import paths
from oamkit.cluster import active
from oamkit.errors import ApiError, ClusterError, CommandError, InputError
from oamkit.lesson.people import Person, _key_and_request, _refusal, forget, person

FORBIDDEN = (
    'Error from server (Forbidden): error when retrieving current configuration of:\nfrom server for: "x.yaml": '
    'components.core.oam.dev "web" is forbidden: User "anna" cannot get resource "components" in API group "core.oam.dev"'
)


@pytest.fixture
def anna(tmp_path: Path) -> Person:
    return Person("anna", ("developers",), tmp_path / "anna.kubeconfig")


def test_in_a_with_block_the_verbs_act_for_the_person_and_afterwards_for_who_acted_before(
    anna: Person, tmp_path: Path
) -> None:
    ben = Person("ben", (), tmp_path / "ben.kubeconfig")
    assert active.user() == ""
    with anna:
        assert (active.user(), active.kubeconfig()) == ("anna", anna.kubeconfig)
        with ben:
            assert active.user() == "ben"
        assert active.user() == "anna"
    assert active.user() == ""


def test_after_an_error_nobody_acts_for_the_person_any_more(anna: Person) -> None:
    with pytest.raises(ValueError, match="no"), anna:
        raise ValueError("no")
    assert active.user() == ""


def _raise(error: Exception) -> None:
    raise error


def test_what_is_refused_is_told_in_the_api_server_s_words(anna: Person) -> None:
    refusal = anna.is_refused(_raise, CommandError(["kubectl"], returncode=1, stderr=FORBIDDEN))
    assert str(refusal).startswith('Refused to anna: components.core.oam.dev "web" is forbidden')
    refusal = anna.is_refused(_raise, ApiError("pods is forbidden", status=403))
    assert str(refusal) == "Refused to anna: pods is forbidden"


def test_what_is_allowed_is_an_error_where_it_must_be_refused(anna: Person) -> None:
    with pytest.raises(ClusterError, match="anna was allowed"):
        anna.is_refused(lambda: None)


@pytest.mark.parametrize(
    "error",
    [
        CommandError(["kubectl"], returncode=1, stderr="Error from server (NotFound): no such pod"),
        ApiError("no such pod", status=404),
    ],
)
def test_another_error_is_no_refusal(anna: Person, error: Exception) -> None:
    with pytest.raises(type(error)):
        anna.is_refused(_raise, error)


def test_a_text_without_a_refusal_has_none() -> None:
    assert _refusal("connection refused") is None


@pytest.mark.parametrize("name", ["", "Anna", "system:masters", "anna/ben", "a" * 40])
def test_a_name_that_is_no_person_s_is_refused_before_anything_is_asked(name: str) -> None:
    with pytest.raises(InputError, match="lower-case"):
        person(name)


def test_the_request_says_name_and_groups_and_the_key_is_the_one_it_is_for() -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key, text = _key_and_request("anna", ["developers", "guests"])
    request = x509.load_pem_x509_csr(text)
    assert request.subject.rfc4514_string() == "O=guests,O=developers,CN=anna"
    assert request.is_signature_valid
    assert request.public_key() == load_pem_private_key(key, None).public_key()


def test_keys_of_people_are_deleted_and_nothing_else_is(home: Path) -> None:
    folder = paths.data() / "people"
    folder.mkdir()
    (folder / "anna.kubeconfig").write_text("{}")
    (folder / "notes.txt").write_text("mine")
    forget()
    assert [file.name for file in folder.iterdir()] == ["notes.txt"]
    forget()
