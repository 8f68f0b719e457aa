"""What the REST API shows: read-only rows, and the bodies that change or ask for something."""

from collections.abc import Iterable
from typing import Any, ClassVar

from rest_framework import serializers

from agents.models import Container, Criticality, Host
from assessments.models import Finding, Report

LEVEL_WORDS = ("", "Very low", "Low", "Moderate", "High", "Very high")


class HostSerializer(serializers.ModelSerializer[Host]):
    """One host."""

    last_seen = serializers.DateTimeField(source="live.last_seen", read_only=True, allow_null=True)

    class Meta:
        model = Host
        fields: ClassVar = [
            "id",
            "name",
            "labels",
            "criticality",
            "state",
            "os_name",
            "kernel_release",
            "agent_version",
            "agent_level",
            "enrolled_at",
            "retired_at",
            "facts_at",
            "facts_root",
            "last_seen",
        ]
        read_only_fields = fields


class HostChangeSerializer(serializers.Serializer[Any]):
    """What a person says of a host. A label with the value null is taken away; others stay."""

    criticality = serializers.ChoiceField(choices=Criticality.choices, required=False)
    labels = serializers.DictField(
        child=serializers.CharField(allow_null=True, max_length=120), required=False
    )

    def to_internal_value(self, data: Any) -> Any:
        """Refuse fields that mean nothing here, instead of dropping them silently."""
        return super().to_internal_value(known_fields(data, self.fields))


class ContainerSerializer(serializers.ModelSerializer[Container]):
    """One container."""

    class Meta:
        model = Container
        fields: ClassVar = [
            "id",
            "host",
            "key",
            "container_id",
            "name",
            "runtime",
            "image_reference",
            "state",
            "first_seen",
            "gone_at",
        ]
        read_only_fields = fields


class FindingSerializer(serializers.ModelSerializer[Finding]):
    """One finding: a check that fails, or cannot be answered, on one target."""

    level_word = serializers.SerializerMethodField()

    class Meta:
        model = Finding
        fields: ClassVar = [
            "id",
            "check_id",
            "status",
            "level",
            "level_word",
            "likelihood",
            "impact",
            "area",
            "layer",
            "mechanism",
            "host",
            "container",
            "target_kind",
            "target_key",
            "target_name",
            "steps",
            "evidence",
            "reason",
            "first_seen",
            "changed_at",
            "closed_at",
        ]
        read_only_fields = fields

    def get_level_word(self, finding: Finding) -> str:
        """The level in the words of NIST SP 800-30; empty while the status is unknown."""
        return LEVEL_WORDS[finding.level]


class CheckSerializer(serializers.Serializer[Any]):
    """One check of the catalogue."""

    id = serializers.CharField()
    title = serializers.CharField()
    area = serializers.CharField()
    subarea = serializers.CharField()
    layer = serializers.CharField()
    mechanism = serializers.CharField()
    target = serializers.CharField()
    tier = serializers.CharField()
    condition = serializers.CharField(source="passes")
    likelihood = serializers.IntegerField()
    impact = serializers.IntegerField()
    why = serializers.CharField()
    remediation = serializers.DictField(child=serializers.CharField())
    references = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))


class ReportSerializer(serializers.ModelSerializer[Report]):
    """One report and how far it is."""

    class Meta:
        model = Report
        fields: ClassVar = [
            "id",
            "number",
            "title",
            "state",
            "progress",
            "error",
            "requested_at",
            "ready_at",
            "dataset_digest",
            "pdf_digest",
        ]
        read_only_fields: ClassVar = [name for name in fields if name != "title"]


class ReportRequestSerializer(serializers.Serializer[Any]):
    """The body that asks for a report."""

    title = serializers.CharField(max_length=200, required=False, default="")

    def to_internal_value(self, data: Any) -> Any:
        """Refuse fields that mean nothing here, instead of dropping them silently."""
        return super().to_internal_value(known_fields(data, self.fields))


def known_fields(data: Any, known: Iterable[str]) -> Any:
    """The body again, which the parser made sure is an object.

    Raises:
        ValidationError: for a field that is not known.
    """
    unknown = set(data) - set(known)
    if unknown:
        raise serializers.ValidationError(dict.fromkeys(sorted(unknown), "unknown field"))
    return data
