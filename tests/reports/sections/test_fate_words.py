"""What the fate of examples says where there is little to say."""

from probes_reports.sections import fate
from probes_reports.view import RunView
from probes_reports.wording import plain_text


def test_of_one_epoch_nothing_is_said_of_when_half_stayed(make_run):
    one, several = (RunView(make_run(epochs=epochs, truth=False)) for epochs in (1, 12))

    assert "Half of those" not in plain_text(fate.build(one).answer)
    assert "Half of those stayed so from epoch" in plain_text(fate.build(several).answer)
