"""The registry's admin: pages for looking, two things to do, each with its permission."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from modelregistry import services
from modelregistry.formats.rows import Rows
from modelregistry.models import Alias, AliasChange, ModelVersion
from tests.modelregistry.trained import ROWS, centroid_version, tree_file, tree_version

pytestmark = [pytest.mark.django_db, pytest.mark.database]
MODELS = reverse("admin:modelregistry_registeredmodel_changelist")
VERSIONS = reverse("admin:modelregistry_modelversion_changelist")
HISTORY = reverse("admin:modelregistry_aliaschange_changelist")
SUBMITTED = {"_form_submitted": "on"}


@pytest.fixture
def chief(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("chief"))
    return client


def signed_in(*permissions: str) -> Client:
    """A member of staff who may look at everything here, and `permissions` beside."""
    user = User.objects.create_user("clerk", is_staff=True)
    names = ("view_registeredmodel", "view_modelversion", "view_aliaschange", *permissions)
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(user)
    return client


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def text(html: str) -> str:
    """What a reader sees, more or less: the page without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def detail(version: ModelVersion) -> str:
    return reverse("admin:modelregistry_modelversion_change", args=(version.pk,))


def act(version: ModelVersion, action: str) -> str:
    return reverse(f"admin:modelregistry_modelversion_{action}_version", args=(version.pk,))


def said(answer: HttpResponse) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def selected(client: Client, action: str, *versions: ModelVersion) -> HttpResponse:
    chosen = {"action": action, "_selected_action": [version.pk for version in versions]}
    return client.post(VERSIONS, chosen)


def test_the_list_of_models_shows_what_serves(chief: Client) -> None:
    services.promote(version=tree_version("plants"))
    tree_version("plants", depth=3)
    shown = text(page(chief, MODELS))
    assert "plants Classification 1 signed-in 2" in shown


def test_a_model_shows_its_versions_and_promotions(chief: Client) -> None:
    version = tree_version()
    services.promote(version=version, reason="because it is good")
    address = reverse("admin:modelregistry_registeredmodel_change", args=(version.model_id,))
    shown = text(page(chief, address))
    assert "because it is good" in shown
    assert "match" in shown


def test_a_version_shows_signature_proof_and_artifacts(chief: Client) -> None:
    version = tree_version()
    shown = text(page(chief, detail(version)))
    assert "X input FP32 [-1, 4]" in shown
    assert "probabilities output FP32 [-1, 3]" in shown
    assert "samples 150 0 0 0 0" in shown
    assert "First predictions, scikit-learn: 0, 0, 0, 0, 0" in shown
    assert "First predictions, ONNX: 0, 0, 0, 0, 0" in shown
    assert version.onnx_sha256 in shown
    assert "{&quot;rows&quot;: [[5.1, 3.5, 1.4, 0.2]]}" in shown
    assert "scikit-learn 1." in shown


def test_a_version_shows_the_words_that_were_handed_in_with_it(chief: Client) -> None:
    version = tree_version()
    assert "Metadata none was handed in" in text(page(chief, detail(version)))
    words = {"commit": "4711", "runs": [1, 2], "note": "<b>bold</b> é"}
    for state in ("ready", "pending"):
        ModelVersion.objects.update(metadata=words, state=state)
        shown = page(chief, detail(version))
        assert "commit 4711" in text(shown)
        assert "runs [1, 2]" in text(shown)
        assert "&lt;b&gt;bold&lt;/b&gt; é" in shown


def test_the_description_of_a_model_has_three_lines(chief: Client) -> None:
    version = tree_version()
    address = reverse("admin:modelregistry_registeredmodel_change", args=(version.model_id,))
    field = re.search(r"<textarea[^>]*>", page(chief, address))
    assert field is not None
    assert 'name="description"' in field[0]
    assert 'rows="3"' in field[0]


def test_a_version_with_one_form_says_that_nothing_was_compared(chief: Client) -> None:
    shown = text(page(chief, detail(centroid_version())))
    assert "not compared" in shown
    assert "NearestCentroid" in shown


def test_why_there_is_no_onnx_form_is_said_in_plain_words_where_there_is_none(
    chief: Client,
) -> None:
    shown = text(page(chief, detail(centroid_version("stays"))))
    assert "Why not ONNX No ONNX form of this version answers as its source does" in shown
    assert "What was tried The step NearestCentroid cannot be expressed" in shown
    assert "Why not ONNX" not in text(page(chief, detail(tree_version("goes"))))


def test_a_version_says_how_many_rows_it_would_be_retrained_on(chief: Client) -> None:
    shown = text(page(chief, detail(tree_version())))
    assert "150 rows, handed in with their targets: a retraining learns from them." in shown
    kept = {
        None: "none were handed in: there is nothing to retrain on",
        Rows.of(ROWS): "150 rows, handed in without targets: there is nothing to retrain on.",
    }
    for rows, words in kept.items():
        version = services.register_version(model_name="plants", data=tree_file(), samples=rows)
        assert f"Sample rows {words}" in text(page(chief, detail(version)))


def test_what_was_done_by_command_was_done_by_the_operator(chief: Client) -> None:
    version = tree_version()
    services.promote(version=version, reason="by hand")
    address = reverse("admin:modelregistry_registeredmodel_change", args=(version.model_id,))
    for where in (VERSIONS, HISTORY, detail(version)):
        assert text(page(chief, where)).count("the operator") == 1
    assert text(page(chief, address)).count("the operator") == 3  # the chart says so, too
    assert "not measured: no rows were held out" in text(page(chief, detail(version)))


def test_nothing_of_a_version_can_be_edited_added_or_deleted(chief: Client) -> None:
    version = tree_version()
    before = ModelVersion.objects.values().get()
    fields = re.findall(
        r'<(?:input|select|textarea)[^>]*name="([a-z]\w*)"', page(chief, detail(version))
    )
    assert not set(fields) & {field.name for field in ModelVersion._meta.get_fields()}
    assert chief.post(detail(version), {"reason": "rewritten"}).status_code == 403
    for name in ("add", "delete"):
        arguments = () if name == "add" else (version.pk,)
        address = reverse(f"admin:modelregistry_modelversion_{name}", args=arguments)
        assert chief.post(address, {"post": "yes"}).status_code == 403
    assert ModelVersion.objects.values().get() == before


def test_an_empty_list_tells_the_command(chief: Client) -> None:
    assert "manage.py register_model FILE --model NAME --promote" in text(page(chief, VERSIONS))


def test_promote_from_the_page_moves_the_champion_and_says_so(chief: Client) -> None:
    version = tree_version()
    answer = chief.post(act(version, "promote"), {**SUBMITTED, "reason": "approved"})
    assert (answer.status_code, answer["Location"]) == (302, detail(version))
    assert said(answer) == ["plants:1 serves now."]
    change = AliasChange.objects.get()
    assert (change.actor.username, change.reason) == ("chief", "approved")


def test_the_dialog_sends_the_whole_page_back(chief: Client) -> None:
    version = tree_version()
    answer = chief.post(act(version, "promote"), SUBMITTED, headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Redirect"]) == (200, detail(version))


@pytest.mark.parametrize("action", ["promote", "convert"])
def test_opening_the_dialog_changes_nothing(chief: Client, action: str) -> None:
    version = centroid_version()
    answer = chief.get(act(version, action), SUBMITTED)
    assert answer.status_code == 200
    assert b"csrfmiddlewaretoken" in answer.content
    assert not Alias.objects.exists()


def test_a_forged_form_is_refused() -> None:
    version = tree_version()
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create_superuser("chief"))
    assert strict.post(act(version, "promote"), SUBMITTED).status_code == 403
    assert not Alias.objects.exists()


def test_a_promotion_that_may_not_be_says_why(chief: Client) -> None:
    version = tree_version()
    ModelVersion.objects.update(state="rejected")
    answer = chief.post(act(version, "promote"), SUBMITTED)
    assert said(answer) == ["plants:1 cannot serve: it is rejected, not ready."]
    assert not Alias.objects.exists()


def test_selected_versions_of_different_models_are_promoted_together(chief: Client) -> None:
    answer = selected(chief, "promote_selected", tree_version("a"), tree_version("b"))
    assert said(answer) == ["b:1 serves now.", "a:1 serves now."]
    assert Alias.objects.count() == 2


def test_two_versions_of_one_model_cannot_both_serve(chief: Client) -> None:
    answer = selected(chief, "promote_selected", tree_version(depth=1), tree_version(depth=2))
    assert said(answer) == ["Select one version of a model: only one can serve."]
    assert not Alias.objects.exists()


@pytest.mark.parametrize("action", ["promote", "convert"])
def test_without_the_permission_neither_door_opens(action: str) -> None:
    version = centroid_version()
    clerk = signed_in()
    assert clerk.post(act(version, action), SUBMITTED).status_code == 403
    selected(clerk, f"{action}_selected", version)
    assert act(version, action) not in page(clerk, detail(version))
    assert not Alias.objects.exists()


def test_with_the_permission_both_doors_open() -> None:
    version = tree_version()
    clerk = signed_in("promote_modelversion")
    assert act(version, "promote") in page(clerk, detail(version))
    assert act(version, "convert") not in page(clerk, detail(version))
    clerk.post(act(version, "promote"), SUBMITTED)
    assert Alias.objects.get().version == version


def test_who_is_not_staff_sees_nothing() -> None:
    version = tree_version()
    for address in (MODELS, VERSIONS, HISTORY, detail(version), act(version, "promote")):
        assert Client().get(address).status_code == 302


def buttons(client: Client, version: ModelVersion) -> set[str]:
    shown = page(client, detail(version))
    return {action for action in ("convert", "promote") if act(version, action) in shown}


def test_the_champion_cannot_be_promoted_again(chief: Client) -> None:
    version = tree_version("plants")
    assert buttons(chief, version) == {"convert", "promote"}
    services.promote(version=version)
    assert buttons(chief, version) == {"convert"}


def test_what_came_as_onnx_has_no_button_to_convert_it(chief: Client) -> None:
    source = tree_version("plants")
    onnx = services.store().read(source.onnx_sha256)
    came = services.register_version(model_name="net", data=onnx, create_missing=True)
    assert buttons(chief, came) == {"promote"}


def test_a_models_page_links_to_its_versions_and_marks_the_champion(chief: Client) -> None:
    first, second = tree_version("plants"), tree_version("plants", depth=3)
    services.promote(version=second)
    address = reverse("admin:modelregistry_registeredmodel_change", args=(first.model_id,))
    shown = page(chief, address)
    assert detail(first) in shown
    assert "version 2 champion" in text(shown)
    assert shown.count(f'href="{detail(second)}"') == 3  # champion, version, and promotion
    assert "version 1 champion" not in text(shown)
