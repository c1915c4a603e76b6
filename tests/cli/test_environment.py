"""Options from the environment: every one of every command, by the name that is typed."""

import json

import click
import pytest

from probes_cli.main import COMMANDS, main


def options():
    """(words of the command, option) of every option that commands declare."""
    top = click.Context(main)
    found = []
    waiting = [((name,), main.get_command(top, name)) for name in COMMANDS]
    while waiting:
        words, command = waiting.pop(0)
        found += [(words, parameter) for parameter in command.params if isinstance(parameter, click.Option)]
        waiting += [((*words, name), inner) for name, inner in getattr(command, "commands", {}).items()]
    return found


def long_name(option):
    return next(name for name in option.opts if name.startswith("--"))


@pytest.mark.parametrize(
    ("words", "option"), [pytest.param(*one, id=" ".join([*one[0], long_name(one[1])])) for one in options()]
)
def test_every_option_is_read_from_its_variable(words, option, monkeypatch):
    context = main.make_context("probe", ["list", "runs"])
    for place in range(len(words)):
        held = context.command.get_command(context, words[place])
        context = click.Context(held, info_name=words[place], parent=context)
    variable = "_".join(["PROBE", *words, long_name(option)[2:]]).replace("-", "_").upper()
    nothing = option.consume_value(context, {})[1]
    monkeypatch.setenv(variable, "1")

    value, source = option.consume_value(context, {})

    assert nothing != source == click.core.ParameterSource.ENVIRONMENT
    assert value in ("1", ["1"], ("1",), True)
    assert option.consume_value(context, {option.name: "typed"})[0] == "typed"


def test_commands_of_every_kind_are_walked_through():
    walked = {" ".join([*words, long_name(option)]) for words, option in options()}

    assert {"summary --json", "measure --method", "import table --id-column", "study --quick"} <= walked


def test_a_flag_and_a_name_that_python_calls_otherwise(probe, small_run):
    summary = probe("summary", env={"PROBE_SUMMARY_JSON": "1"})
    table = probe("scores", env={"PROBE_SCORES_FORMAT": "aum", "PROBE_SCORES_TOP": "2", "PROBE_SCORES_JSON": "1"})

    assert json.loads(summary.stdout)["epochs"] == 3
    assert [list(row) for row in json.loads(table.stdout)] == [["sample_id", "aum"]] * 2
    assert probe("summary", env={"PROBE_SUMMARY_JSON": "0"}).stdout[0] != "{"


def test_a_required_option_may_come_from_the_environment(refused, probe, small_run):
    assert "Missing option '--probe'" in refused("measure")
    answer = probe("measure", env={"PROBE_MEASURE_PROBE": "vogg"})
    assert (answer.exit_code, answer.stderr) == (2, "Error: unknown probe 'vogg'. Did you mean 'vog'?\n")
