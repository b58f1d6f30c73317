"""What the default policy answers, rule by rule."""

from __future__ import annotations

from itertools import chain, combinations

import pytest

from kms.policy.attributes import (
    CLASSES,
    HUMAN,
    OWNER,
    Credential,
    DepositAttributes,
    ReleaseAttributes,
    controllers,
    is_clinical,
    principal_class,
)
from kms.policy.engine import PolicyEngine, default_policy, default_schema
from kms.statements.release import Purpose
from tests.unit.policy.world import ONE, OTHER, reading

ENGINE = PolicyEngine(default_policy(), default_schema())
PURPOSES = [purpose.name.lower() for purpose in Purpose]
NON_CLINICAL = {"category": "booking", "clinical": False}
ASKED_BY = {"own": {"is_owner": True}, "granted": {"granted": True}}


def verdict(attributes: ReleaseAttributes) -> tuple[str, str]:
    outcome = ENGINE.decide_release(attributes)
    return outcome.verdict, outcome.reason


def credential(klass: str, controlled_by: str = "a", iss: str = "i") -> Credential:
    return Credential(iss, controlled_by, "s", klass, "", b"", 0)


def test_two_issuers_of_different_owners_open_a_professionals_treatment() -> None:
    assert verdict(reading(ONE, OTHER)) == ("allow", "PROFESSIONAL_BY_TWO_ISSUERS")


def test_the_owner_and_one_issuer_open_the_owners_record() -> None:
    own = reading(OWNER, ONE, is_owner=True, principal_class="device", purpose="patient_access")
    assert verdict(own) == ("allow", "OWNER_READS_OWN")


@pytest.mark.parametrize("klass", ["device", "professional"])
def test_the_owners_grant_and_one_issuer_open_it_for_the_grantee(klass: str) -> None:
    assert verdict(reading(OWNER, ONE, granted=True, principal_class=klass)) == ("allow", "GRANTEE_READS")


@pytest.mark.parametrize("klass", ["device", "professional"])
def test_one_issuer_waits_for_a_human_and_a_human_opens(klass: str) -> None:
    assert verdict(reading(ONE, principal_class=klass)) == ("pending", "NEEDS_HUMAN")
    approved = reading(ONE, HUMAN, approvals=1, principal_class=klass)
    assert verdict(approved) == ("allow", "HUMAN_APPROVED")


@pytest.mark.parametrize("klass", ["device", "professional"])
def test_a_guardian_reads_if_two_parties_say_so(klass: str) -> None:
    for shown in ((OWNER, ONE), (ONE, OTHER)):
        asked = reading(*shown, guardian=True, principal_class=klass, purpose="patient_access")
        assert verdict(asked) == ("allow", "GUARDIAN_READS")
    for alone in (OWNER, ONE):
        asked = reading(alone, guardian=True, principal_class=klass, purpose="patient_access")
        assert verdict(asked)[0] != "allow"


def test_no_rule_breaks_the_glass_and_people_do() -> None:
    emergency = {"purpose": "emergency", "granted": True}
    assert verdict(reading(OWNER, ONE, OTHER, **emergency)) == ("pending", "NEEDS_HUMAN")
    approved = reading(OWNER, ONE, OTHER, HUMAN, approvals=1, **emergency)
    assert verdict(approved) == ("allow", "BREAK_THE_GLASS")
    assert verdict(reading(ONE, purpose="emergency")) == ("deny", "NO_RULE_ALLOWS")
    device = reading(ONE, OTHER, principal_class="device", purpose="emergency")
    assert verdict(device) == ("deny", "EMERGENCY_FOR_PROFESSIONALS")


@pytest.mark.parametrize("purpose", sorted(set(PURPOSES) - {"treatment", "emergency"}))
def test_two_issuers_open_nothing_outside_treatment_without_a_human(purpose: str) -> None:
    assert verdict(reading(ONE, OTHER, purpose=purpose)) == ("pending", "NEEDS_HUMAN")


def test_two_issuers_open_nothing_for_a_device_by_themselves() -> None:
    assert verdict(reading(ONE, OTHER, principal_class="device")) == ("pending", "NEEDS_HUMAN")


@pytest.mark.parametrize("klass", ["service", "operator", "unknown"])
@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("category", ["laboratory", "", "a category of next year"])
def test_a_back_end_never_receives_a_clinical_key_whatever_it_shows(
    klass: str, purpose: str, category: str
) -> None:
    everything = (OWNER, HUMAN, ONE, OTHER)
    for shown in chain.from_iterable(combinations(everything, n) for n in range(5)):
        for own in (False, True):
            asked = reading(
                *shown,
                principal_class=klass,
                purpose=purpose,
                category=category,
                clinical=is_clinical(category),
                is_owner=own,
                granted=not own,
                approvals=int(HUMAN in shown),
            )
            assert verdict(asked) == ("deny", "NO_CLINICAL_FOR_SERVICES")


def test_a_service_reads_its_own_bookings() -> None:
    own = reading(OWNER, ONE, is_owner=True, principal_class="service", **NON_CLINICAL)
    assert verdict(own) == ("allow", "OWNER_READS_OWN")


def test_an_operator_reads_not_even_its_own_bookings() -> None:
    own = reading(OWNER, ONE, is_owner=True, principal_class="operator", **NON_CLINICAL)
    assert verdict(own) == ("deny", "NOTHING_FOR_OPERATORS")


@pytest.mark.parametrize("shown", [(ONE, OTHER), (OWNER, ONE)])
@pytest.mark.parametrize("how", ASKED_BY)
def test_a_legal_demand_is_never_automatic(shown: tuple[str, ...], how: str) -> None:
    demand = reading(*shown, purpose="legal", **ASKED_BY[how])
    assert verdict(demand) == ("pending", "NEEDS_HUMAN")
    approved = reading(*shown, HUMAN, purpose="legal", approvals=1, **ASKED_BY[how])
    assert ENGINE.decide_release(approved).verdict == "allow"


def test_bulk_reading_first_waits_for_a_human_then_stops() -> None:
    two = (ONE, OTHER)
    assert verdict(reading(*two, released_last_hour_principal=1999))[0] == "allow"
    assert verdict(reading(*two, released_last_hour_principal=2000)) == ("pending", "NEEDS_HUMAN")
    approved = reading(*two, HUMAN, approvals=1, released_last_hour_principal=2000)
    assert verdict(approved)[0] == "allow"
    stopped = reading(*two, HUMAN, approvals=1, released_last_day_principal=20_000)
    assert verdict(stopped) == ("deny", "STOP")


def test_the_brake_counts_the_batch_that_is_asked_for() -> None:
    two = (ONE, OTHER)
    assert verdict(reading(*two, released_last_hour_principal=1000, batch_count=1000))[0] == "allow"
    assert verdict(reading(*two, released_last_hour_principal=1000, batch_count=1001))[0] == "pending"
    assert verdict(reading(*two, released_last_day_principal=19_000, batch_count=1001))[1] == "STOP"


def test_nobody_brakes_an_owner_who_reads_what_is_theirs() -> None:
    own = reading(
        OWNER,
        ONE,
        is_owner=True,
        principal_class="device",
        batch_count=1024,
        released_last_hour_principal=30_000,
        released_last_day_principal=30_000,
    )
    assert verdict(own)[0] == "allow"


@pytest.mark.parametrize("klass", ["device", "professional", "service"])
def test_whoever_one_issuer_knows_may_deposit(klass: str) -> None:
    assert ENGINE.decide_deposit(DepositAttributes(klass, frozenset({ONE}), 4096)).verdict == "allow"
    assert ENGINE.decide_deposit(DepositAttributes(klass, frozenset(), 1)).verdict == "deny"
    assert ENGINE.decide_deposit(DepositAttributes(klass, frozenset({ONE}), 4097)).verdict == "deny"


@pytest.mark.parametrize("klass", ["operator", "unknown"])
def test_others_may_not_deposit(klass: str) -> None:
    outcome = ENGINE.decide_deposit(DepositAttributes(klass, frozenset({ONE, OTHER}), 1))
    assert (outcome.verdict, outcome.reason) == ("deny", "NO_RULE_ALLOWS")


def test_only_the_owner_with_an_issuer_destroys() -> None:
    assert ENGINE.decide_destroy(reading(OWNER, ONE, is_owner=True)).reason == "OWNER_DESTROYS"
    for other in (
        reading(OWNER, is_owner=True),
        reading(ONE, OTHER),
        reading(OWNER, ONE, granted=True),
        reading(ONE, HUMAN, approvals=1),
    ):
        assert ENGINE.decide_destroy(other).verdict == "deny"


@pytest.mark.parametrize("category", ["", "Booking", "booking ", "laboratory", "unheard of"])
def test_every_category_that_is_not_known_otherwise_is_clinical(category: str) -> None:
    assert is_clinical(category)
    assert not is_clinical("booking")


def test_nobody_sheds_a_restricted_class_by_showing_another_card() -> None:
    for strict, lax in combinations([klass for klass in CLASSES if klass != "unknown"], 2):
        assert principal_class([credential(lax), credential(strict)]) == strict
    assert principal_class([]) == "unknown"


def test_two_brands_of_one_owner_are_one_group_and_no_owner_can_be_called_human() -> None:
    assert controllers([credential("device", "acme", "i1"), credential("device", "acme", "i2")]) == {
        "issuer:acme"
    }
    assert not controllers([credential("device", HUMAN), credential("device", OWNER)]) & {HUMAN, OWNER}
