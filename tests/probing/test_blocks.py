import torch
from torch import nn

from probes.models import build_model
from probes.probing.blocks import block_outputs


def names_of(model, shape):
    with torch.no_grad():
        return [name for name, _ in block_outputs(model.eval(), torch.zeros(2, *shape))[0]]


def test_a_block_ends_before_the_next_layer_with_weights():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2)).eval()
    inputs = torch.randn(3, 2, 2)

    blocks, logits = block_outputs(model, inputs)

    assert [name for name, _ in blocks] == ["1"]
    assert torch.equal(blocks[0][1], model[:4](inputs))
    assert torch.equal(logits, model(inputs))


def test_what_happens_to_an_output_in_place_later_does_not_change_what_was_kept():
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(4, 5), nn.Linear(5, 2)

        def forward(self, inputs):
            hidden = self.first(inputs)
            hidden += 100
            return self.last(hidden)

    torch.manual_seed(0)
    model, inputs = InPlace(), torch.randn(3, 4)

    blocks, _ = block_outputs(model, inputs)

    assert torch.equal(blocks[0][1], model.first(inputs))


def test_an_in_place_activation_is_part_of_its_block():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(inplace=True), nn.Linear(5, 2))
    inputs = torch.randn(3, 4)

    blocks, _ = block_outputs(model, inputs)

    assert torch.equal(blocks[0][1], model[0](inputs).relu())


def test_blocks_of_our_own_networks():
    def built(name):
        return build_model(name, input_shape=(1, 8, 8), num_classes=10, width=4, depth=3, seed=0)

    assert names_of(built("mlp"), (1, 8, 8)) == ["hidden1", "hidden2", "hidden3"]
    assert names_of(built("cnn"), (1, 8, 8)) == ["conv1", "conv2", "hidden"]
    stages = [f"stage{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1)]
    assert names_of(built("resnet18"), (1, 8, 8)) == ["conv", *stages]


def test_a_model_of_one_layer_has_no_inner_block_and_no_hooks_stay():
    model = nn.Sequential(nn.Linear(4, 2))

    assert names_of(model, (4,)) == []
    assert names_of(model[0], (4,)) == []
    assert not model[0]._forward_hooks
