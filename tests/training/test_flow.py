import math

import torch

from training.flow import Flow, WithFlow
from training.networks import GaussianEncoder


def test_a_flow_inverts_itself_and_knows_by_how_much_it_stretches() -> None:
    torch.manual_seed(0)
    flow = Flow(5, couplings=3, hidden=8).double()
    for parameter in flow.parameters():
        torch.nn.init.normal_(parameter, 0, 0.3)
    z = torch.randn(4, 5, dtype=torch.double)
    code = flow(z)
    back, log_det = flow.inverse(code)
    torch.testing.assert_close(back, z)
    for row in range(4):
        one = code[row].detach().requires_grad_()
        (inverse,), _ = flow.inverse(one[None])
        jacobian = torch.stack([torch.autograd.grad(value, one, retain_graph=True)[0] for value in inverse])
        torch.testing.assert_close(log_det[row], torch.linalg.slogdet(jacobian)[1])
    normal = -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)
    torch.testing.assert_close(flow.log_density(code), normal + log_det)


def test_an_encoder_with_its_flow_answers_the_z_that_generates_its_code() -> None:
    torch.manual_seed(0)
    flow = Flow(4, couplings=2, hidden=8)
    torch.nn.init.normal_(flow.shift)
    encoder = GaussianEncoder(4, 8)
    image = torch.randn(2, 1, 28, 28)
    torch.testing.assert_close(flow(WithFlow(encoder, flow)(image)), encoder(image))
