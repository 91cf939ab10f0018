# SPDX-License-Identifier: LGPL-2.1-or-later
"""botocore's model of the control plane as an oracle: requests that break one constraint each, and
answers that must have nothing but what the model knows.

Where the service is known to take more than the model of an old botocore says, LIMITS has it.
"""

import copy
import re

import botocore.loaders
import botocore.model

LIMITS = {
    "NextToken": {"max": 1024},
    "SamplingInterval": {"min": 200, "max": None},
}

# Longer than any limit, and good otherwise
LONG = {
    "ResourceARN": "arn:aws:kinesisvideo:us-west-2:123456789012:stream/{}/1",
    "MediaType": "video/{}",
    "DestinationUri": "s3://{}",
    "DestinationRegion": "us-{}-2",
}
SHORT = {"DestinationRegion": "us-a-2"}
# Each breaks some pattern.
ODD = ("!", "a\nb", "\x01", "*:*", "a/b")


def service():
    loaded = botocore.loaders.Loader().load_service_model("kinesisvideo", "service-2")
    return botocore.model.ServiceModel(loaded, "kinesisvideo")


def operations():
    """The operations of the model by name."""
    model = service()
    return {name: model.operation_model(name) for name in model.operation_names}


def metadata(shape):
    limits = {**shape.metadata, **LIMITS.get(shape.name, {})}
    return {name: limit for name, limit in limits.items() if limit is not None}


def pattern_of(shape):
    """The pattern in Python's terms, or None."""
    pattern = shape.metadata.get("pattern")
    if pattern is None:
        return None
    # the only classes in use: letters, separators and numbers
    pattern = pattern.replace(r"\p{L}\p{Z}\p{N}_", r"\w ")
    return re.compile(f"(?:{pattern})$")


def bad_strings(shape):
    limits = metadata(shape)
    if limits.get("min", 0) > 0:
        yield "too short", SHORT.get(shape.name, "")
    if "max" in limits:
        yield "too long", LONG.get(shape.name, "{}").format("a" * (limits["max"] + 1))
    if shape.enum:
        yield "not in the enumeration", "NOT_ONE"
        yield "in lower case", shape.enum[0].lower()
    pattern = pattern_of(shape)
    if pattern is not None:
        yield "not of the pattern", next(odd for odd in ODD if not pattern.match(odd))
    yield from (("a number", 7), ("a list", ["a"]), ("an object", {"a": "b"}), ("a boolean", True))


def bad_integers(shape):
    limits = metadata(shape)
    if "min" in limits:
        yield "too small", limits["min"] - 1
    if "max" in limits:
        yield "too large", limits["max"] + 1
    yield from (("a string", "1"), ("a fraction", 1.5), ("a boolean", True), ("a list", [1]))


def bad_lists(shape, value):
    if metadata(shape).get("min", 0) > 0:
        yield "empty", []
    yield from (("a string", "a"), ("an object", {"a": "b"}))
    for what, bad in bad_values(shape.member, value[0]):
        yield f"element {what}", value[1:] + [bad]
    yield "an element that is null", value + [None]


def bad_maps(shape, value):
    if metadata(shape).get("min", 0) > 0 and shape.name != "ResourceTags":
        yield "empty", {}
    yield from (("a string", "a"), ("a list", ["a"]))
    key, held = next(iter(value.items()))
    for what, bad in bad_strings(shape.key):
        if isinstance(bad, str):
            yield f"key {what}", {**value, bad: held}
    for what, bad in bad_values(shape.value, held):
        yield f"value {what}", {**value, key: bad}


def bad_structures(shape, value):
    yield from (("a string", "a"), ("a list", [value]))
    for name in shape.required_members:
        yield f"without {name}", {n: v for n, v in value.items() if n != name}
        yield f"with {name} null", {**value, name: None}
    for name, held in value.items():
        for what, bad in bad_values(shape.members[name], held):
            yield f"{name} {what}", {**value, name: bad}


def bad_values(shape, value):
    """(what is wrong, value) for values that differ from a good one in one respect each."""
    if shape.type_name == "string":
        yield from bad_strings(shape)
    elif shape.type_name == "integer":
        yield from bad_integers(shape)
    elif shape.type_name == "list":
        yield from bad_lists(shape, value)
    elif shape.type_name == "map":
        yield from bad_maps(shape, value)
    else:
        yield from bad_structures(shape, value)


def bad_requests(operation, request):
    """(what is wrong, request) for each constraint of the operation's input."""
    for what, bad in bad_structures(operation.input_shape, copy.deepcopy(request)):
        if isinstance(bad, dict):
            yield what, bad


def check_answer(shape, value, where="answer"):
    """Raises AssertionError where an answer is not what the model says."""
    if value is None:
        return
    kind = shape.type_name
    if kind == "structure":
        assert isinstance(value, dict), f"{where} is {value!r}"
        for name, held in value.items():
            assert name in shape.members, f"{where} has {name}, which the model has not"
            check_answer(shape.members[name], held, f"{where}.{name}")
    elif kind == "list":
        assert isinstance(value, list), f"{where} is {value!r}"
        for held in value:
            check_answer(shape.member, held, where + "[]")
    elif kind == "map":
        assert isinstance(value, dict), f"{where} is {value!r}"
        for key, held in value.items():
            check_answer(shape.key, key, where + " key")
            check_answer(shape.value, held, f"{where}.{key}")
    elif kind == "string":
        check_string(shape, value, where)
    elif kind == "integer":
        assert type(value) is int, f"{where} is {value!r}"
    else:
        assert kind == "timestamp" and type(value) in (int, float), f"{where} is {value!r}"


def check_string(shape, value, where):
    limits = metadata(shape)
    assert isinstance(value, str), f"{where} is {value!r}"
    assert limits.get("min", 0) <= len(value) <= limits.get("max", len(value)), where
    assert not shape.enum or value in shape.enum, f"{where} is {value!r}"
    pattern = pattern_of(shape)
    assert pattern is None or pattern.match(value), f"{where} is {value!r}"
