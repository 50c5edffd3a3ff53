"""What a campaign sends, as recorded live and as no answer should ever have it."""

from __future__ import annotations

from typing import Any

from hypothesis import given

from airflow_provider_instantly.api.campaign import Campaign
from airflow_provider_instantly.api.sequence import Step, Variant, steps_of
from tests.unit.json_values import ANY_JSON

#: As recorded live: the names of variables are the campaign's id and more, and a later subject is empty.
RECORDED = {
    "sequences": [
        {
            "steps": [
                {
                    "type": "email",
                    "delay": 3,
                    "variants": [{"subject": "{{9b6f458e_subject_1}}", "body": "{{9b6f458e_email_1}}"}],
                    "delay_unit": "days",
                    "pre_delay_unit": "days",
                },
                {"type": "email", "delay": 1, "variants": [{"subject": "", "body": "{{9b6f458e_email_followup_1}}"}]},
            ]
        }
    ]
}


def test_steps_as_recorded() -> None:
    first, second = Campaign.from_api(RECORDED).steps
    assert first == Step((Variant("{{9b6f458e_subject_1}}", "{{9b6f458e_email_1}}"),))
    assert second.variants[0].subject == ""


def test_a_new_campaign_has_none() -> None:
    """As recorded live, right after it was created with a schedule only."""
    assert steps_of({"id": "73e7b47e-1c29-42e2-9efc-dd4e257dbcd4", "status": 0, "open_tracking": False}) == ()


def test_only_the_first_sequence_counts() -> None:
    sequences: list[dict[str, Any]] = [{"steps": [{"variants": []}]}, {"steps": [{}, {}, {}]}]
    assert steps_of({"sequences": sequences}) == (Step(),)


def test_a_variant_that_is_switched_off() -> None:
    assert not Variant.from_api({"subject": "a", "body": "b", "v_disabled": True}).is_enabled
    assert Variant.from_api({"v_disabled": None}).is_enabled


def test_no_text_in_its_repr() -> None:
    assert "ada@example.com" not in repr(Variant("ada@example.com", "ada@example.com"))


@given(sequences=ANY_JSON)
def test_no_answer_breaks_it(sequences: Any) -> None:
    for document in ({"sequences": sequences}, {"sequences": [sequences]}, {"sequences": [{"steps": [sequences]}]}):
        assert all(isinstance(variant.body, str) for step in steps_of(document) for variant in step.variants)
