"""What the reference data cannot answer: each refusal with its stable code, what was asked, and the day."""

from datetime import date
from typing import ClassVar


class ReferenceRefused(Exception):  # noqa: N818 - refusals are named for what they refuse
    """The reference data cannot answer this."""

    code: ClassVar[str] = "reference.refused"
    subject: ClassVar[str] = "asked"

    def __init__(self, asked: str, on: date | None = None, *, listed_as: str | None = None) -> None:
        self.facts: dict[str, str] = {self.subject: asked}
        if on is not None:
            self.facts["on"] = on.isoformat()
        if listed_as is not None:
            self.facts["listed_as"] = listed_as
        super().__init__(asked, on)

    def __str__(self) -> str:
        facts = ", ".join(f"{name}={value}" for name, value in self.facts.items())
        return f"{type(self).__doc__} ({facts})"


class UnknownWasteCode(ReferenceRefused):
    """No waste has this code; `listed_as` is there when it names a group or subgroup of the list."""

    code = "reference.unknown_waste_code"
    subject = "waste_code"


class WasteCodeNotValid(ReferenceRefused):
    """No list of waste codes that we hold was in force on this date."""

    code = "reference.waste_code_not_valid"
    subject = "waste_code"


class UnknownMethod(ReferenceRefused):
    """No treatment method has this symbol."""

    code = "reference.unknown_method"
    subject = "method"


class MethodNotValid(ReferenceRefused):
    """The treatment method was not in the list on this date."""

    code = "reference.method_not_valid"
    subject = "method"


class UnknownHazard(ReferenceRefused):
    """No hazardous property has this symbol."""

    code = "reference.unknown_hazard"
    subject = "hazard"


class UnknownArea(ReferenceRefused):
    """No district or commune of Hanoi has this code."""

    code = "reference.unknown_area"
    subject = "area"


class AreaNotValid(ReferenceRefused):
    """The district or commune did not exist on this date."""

    code = "reference.area_not_valid"
    subject = "area"


class UnknownZone(ReferenceRefused):
    """No zone has this identifier."""

    code = "reference.unknown_zone"
    subject = "zone"


class UnknownRule(ReferenceRefused):
    """No rule has this name."""

    code = "reference.unknown_rule"
    subject = "rule"


class RuleNotValid(ReferenceRefused):
    """The rule has no value for this date."""

    code = "reference.rule_not_valid"
    subject = "rule"


class RuleUnitChanged(ReferenceRefused):
    """A new row of the rule counts in another unit."""

    code = "reference.rule_unit_changed"
    subject = "rule"


class FormNotValid(ReferenceRefused):
    """No edition of the form that we hold was in force on this date."""

    code = "reference.form_not_valid"
    subject = "form"
