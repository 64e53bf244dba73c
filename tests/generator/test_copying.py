import torch

from mgv.generator.copying import OWN, find_candidates
from mgv.generator.masked.pointers import Pointers

BEFORE_T, AFTER_T, BEFORE_H, AFTER_H, BEFORE_W, AFTER_W = range(OWN)


def candidates_of(masked: torch.Tensor, refined: torch.Tensor | None = None) -> object:
    words = torch.arange(masked.numel()).view(*masked.shape, 1).expand(*masked.shape, 2)
    return find_candidates(words, masked, torch.zeros_like(masked) if refined is None else refined)


def test_the_nearest_seen_token_on_each_side() -> None:
    masked = torch.ones(1, 3, 3, 4, dtype=torch.bool)
    masked[0, 0, 1, 1] = masked[0, 2, 1, 1] = masked[0, 1, 1, 3] = False
    found = candidates_of(masked)
    here = 0, 1, 1, 1
    assert found.exist[here].tolist() == [True, True, False, False, False, True, False]
    assert found.words[here][BEFORE_T, 0] == 1 * 4 + 1
    assert found.words[here][AFTER_T, 0] == 2 * 12 + 1 * 4 + 1
    assert found.words[here][AFTER_W, 0] == 12 + 1 * 4 + 3
    assert found.distances[here].tolist() == [1, 1, 0, 0, 0, 2, 0]
    assert found.exist[0, 1, 0, 3].tolist() == [False, False, False, True, False, False, False]


def test_a_token_is_no_candidate_of_itself_but_its_stand_in_is() -> None:
    masked = torch.zeros(2, 1, 1, 3, dtype=torch.bool)
    refined = torch.tensor([False, True, False]).view(1, 1, 1, 3).expand_as(masked)
    found = candidates_of(masked, refined)
    assert found.words[0, 0, 0, 1, :, 0].tolist()[BEFORE_W:] == [0, 2, 1]
    assert found.exist[0, 0, 0, :, OWN].tolist() == [False, True, False]
    assert found.words[1, 0, 0, 1, OWN, 0] == 3 + 1  # of its own window


def test_the_bonus_goes_to_the_candidates_words_while_they_are_equal() -> None:
    masked = torch.tensor([False, True, False]).view(1, 1, 1, 3)
    words = torch.tensor([[1, 2], [0, 0], [1, 3]]).view(1, 1, 1, 3, 2)
    found = find_candidates(words, masked, torch.zeros_like(masked)).select(masked)
    pointers = Pointers((1, 1, 3), 2, 8).requires_grad_(False)
    pointers.reach[1, AFTER_W, 1] = 0.5
    state = pointers.start(found)
    first = state.add(torch.zeros(1, 4), 0, torch.ones(1, 8))
    assert first.tolist() == [[0, 2, 0, 0]]  # both sides say 1
    right = state.after(0, torch.tensor([1])).add(torch.zeros(1, 4), 1, torch.ones(1, 8))
    assert right.tolist() == [[0, 0, 1, 1.5]]
    wrong = state.after(0, torch.tensor([3])).add(torch.zeros(1, 4), 1, torch.ones(1, 8))
    assert wrong.tolist() == [[0, 0, 0, 0.5]]


def test_gates_listen_to_the_state() -> None:
    masked = torch.tensor([False, True]).view(1, 1, 1, 2)
    words = torch.tensor([[2], [0]]).view(1, 1, 1, 2, 1)
    found = find_candidates(words, masked, torch.zeros_like(masked)).select(masked)
    pointers = Pointers((1, 1, 2), 1, 8).requires_grad_(False)
    pointers.gates[0, BEFORE_W, 3] = 2.0
    features = torch.zeros(1, 8)
    features[0, 3] = 4.0
    assert pointers.start(found).add(torch.zeros(1, 3), 0, features).tolist() == [[0, 0, 9]]
