"""What the latent dimensions mean: directions of z with names, each held to its name by measuring.

A direction for a trait moves it and little else. With J the change of every trait for each move of z, g the
mean over seeds of the row of J that is to move, and R the mean of J^T J over the rows that are to stay,

    max_v  (g . v)^2 / (v . R v)    is solved by    v = R^-1 g,

as in Fisher's discriminant: of all directions that move the trait alike on average, the one that moves the
rest least in each image. The classifier's log-odds are part of the rest, so that a 3 stays a 3.

On a plane no vector holds its word everywhere: there a trait is measured all over it, and the way goes up
its slope (service/engine/landscape.py).

Towards a digit, where z holds the digit: the regression of its probability on z over all images, since what
lies near is no guide to what lies far.

Without supervision: SeFa's directions (training/sefa.py), and principal ones, along which the pixels change
most (eigenvectors of the mean of J^T J over pixels, Wang & Ponce 2021, arXiv 2101.06006). Each is named
afterwards, by the attribute that it moves most.

Nothing is believed that was not measured along the whole range, on other seeds. What misses a bar is
left out.
"""

import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import onnx
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from service.manifest import Direction, File, Found
from training import classifier, course, landscape, sefa, traits
from training.course import Course, Straight, Traveller, Way
from training.evaluate import record
from training.landscape import Slope
from training.sensitivity import SPREAD, gram, sensitivity
from training.served import Served
from training.traits import ATTRIBUTES, NAMES

SAMPLE = range(10_000, 14_000)
"""Seeds whose images say how much each trait varies, and which z are which digits."""
CORRELATION = 0.9
"""Of amount and trait, the mean over seeds, at least."""
KEPT, KEPT_BY_LABEL = 0.75, 0.95
"""Share of images that keep their digit, at least: where z holds the digit with all the rest, and where a
conditional model is told it."""
REACHED = 0.9
"""Share of images that a direction towards a digit turns into it, at least."""
FARTHEST = 5
"""The longest way towards a digit, in standard deviations of a coordinate of z."""
STAY = 10.0
"""What a change of a digit's log-odds weighs, against 1 of each attribute."""
RIDGES = 0.05, 0.001
"""Added to R, as a share of its mean eigenvalue, since what few seeds say of it is noise; the second where
nothing holds with the first, because z leaves next to no room beside the digits."""
TRIED, MEASURED = 10, 2
"""Unsupervised directions of each method: the first ten, and of these the two that move the rest least."""
PICTURED, LOOKS = range(2), 7

Method = Literal["regression", "landscape", "sefa", "principal"]


Files = dict[str, bytes]
"""A direction's own, by name."""


class Candidate(NamedTuple):
    """A direction before it is measured."""

    name: str
    method: Method
    trait: int
    way: Straight | Slope
    """Along a unit of it an attribute grows by one of its standard deviations, on average; towards a digit, a
    unit is one standard deviation of a coordinate of z."""


class Findings(NamedTuple):
    """What was measured of one."""

    range: tuple[float, float]
    correlation: float
    kept: float
    moves: dict[str, float]


class Search:
    """Looks for directions in one bundle."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.conditional = served.manifest.conditional
        self.judge = classifier.load()
        z, label = served.draw(SAMPLE)
        self.sample = z.double()
        self.seen = traits.read(self.judge, served.decode(z, label))
        self.spread = traits.spread(self.seen)
        self.sensitivity = sensitivity(served, self.judge, self.spread)
        self.traveller = Traveller(served, self.judge)

    def directions(self) -> Iterator[tuple[Direction, Files]]:
        """Every direction that passes, with its files; of several for a name, the first."""
        found: set[str] = set()
        for candidate in self.candidates():
            measured = None if candidate.name in found else self.measured(candidate)
            if measured is not None:
                found.add(candidate.name)
                yield measured

    def candidates(self) -> Iterator[Candidate]:
        """Those for each trait, then the first of those found without names."""
        if self.served.manifest.latent_dim == 2:
            heights = landscape.survey(self.served, self.judge, self.spread)
            for trait, (name, height) in enumerate(zip(NAMES, heights, strict=False)):
                yield Candidate(name, "landscape", trait, landscape.slope(self.served, name, height))
        for trait, name in enumerate(NAMES):
            if trait < ATTRIBUTES:
                for ridge in RIDGES:
                    yield self._scaled(name, "regression", trait, self._steepest(trait, ridge))
            elif not self.conditional:
                yield Candidate(name, "regression", trait, Straight(rounded(self._towards(trait))))
        unnamed: dict[Method, Tensor] = {"sefa": self._sefa(), "principal": self._principal()}
        for method, rows in unnamed.items():
            ranked = [
                self._named(f"{method}_{rank}", method, row) for rank, row in enumerate(rows[:TRIED], 1)
            ]
            yield from sorted(ranked, key=self._purity, reverse=True)[:MEASURED]

    def measured(self, candidate: Candidate) -> tuple[Direction, Files] | None:
        """The direction with its range and what was measured of it, and its files; None if it is not what its
        name says."""
        name, method, trait, way = candidate
        measure = self._of_attribute if trait < ATTRIBUTES else self._of_digit
        found = measure(way, trait)
        if found is None or found.correlation < CORRELATION:
            return None
        picture = self._picture(way, found.range)
        digest = hashlib.sha256(picture).hexdigest()
        file = File(
            file=f"direction-{name.replace('_', '-')}-{digest[:8]}.webp", sha256=digest, bytes=len(picture)
        )
        files = {file.file: picture}
        if isinstance(way, Slope):
            files[way.entry.file] = way.content
        return Direction(
            name=name,
            vector=way.vector.tolist() if isinstance(way, Straight) else None,
            landscape=way.entry if isinstance(way, Slope) else None,
            range=found.range,
            found=Found(
                method=method,
                trait=NAMES[trait],
                correlation=round(found.correlation, 4),
                kept=round(found.kept, 4),
                moves=found.moves,
                picture=file,
            ),
        ), files

    def _of_attribute(self, way: Way, trait: int) -> Findings | None:
        """None if digits do not stay what they are, or if something else moves more."""
        least = KEPT_BY_LABEL if self.conditional else KEPT
        ends = self.traveller.limits(way, least)
        if ends is None:
            return None
        seen = self.traveller.follow(way, torch.linspace(*ends, course.AMOUNTS).tolist())
        moves, kept = course.changes(seen, self.spread), self.traveller.kept(seen)
        if kept < least or max(moves, key=lambda name: moves[name]) != NAMES[trait]:
            return None
        return Findings(ends, course.correlation(seen.trait[..., trait]), kept, moves)

    def _of_digit(self, way: Way, trait: int) -> Findings | None:
        """None if too few images become that digit."""

        def share(amounts: Tensor) -> tuple[Course, Tensor]:
            seen = self.traveller.follow(way, amounts.tolist())
            return seen, (seen.label == trait - ATTRIBUTES).double().mean(0)

        _, reached = share(torch.arange(1, FARTHEST + 1))
        if reached.max() < REACHED:
            return None
        end = 1 + int((reached >= REACHED).int().argmax())
        seen, shares = share(torch.linspace(0, end, course.AMOUNTS))
        told = course.correlation(shares.unsqueeze(0))
        return Findings((0, end), told, float(shares[-1]), course.changes(seen, self.spread))

    def _steepest(self, trait: int, ridge: float) -> Tensor:
        """R^-1 g as a vector of z."""
        rest = self._rest(trait)
        rest += ridge * rest.diag().mean() * torch.eye(len(rest))
        over_moves: Tensor = torch.linalg.solve(rest, self._slopes()[:, trait])
        return over_moves @ self.sensitivity.moves

    def _slopes(self) -> Tensor:
        """The mean over seeds of each trait's change along each move: [moves, traits]."""
        return self.sensitivity.trait.mean(0)

    def _rest(self, trait: int) -> Tensor:
        """R [moves, moves], of all traits but this one."""
        weight = torch.ones(len(NAMES), dtype=torch.float64)
        weight[ATTRIBUTES:] = STAY
        weight[trait] = 0.0
        return gram(self.sensitivity.trait * weight.sqrt())

    def _purity(self, candidate: Candidate) -> float:
        """How little the rest moves: -v . R v, where all v move their own trait alike."""
        assert isinstance(candidate.way, Straight)
        over_moves = self.sensitivity.moves @ candidate.way.vector
        return -float(over_moves @ self._rest(candidate.trait) @ over_moves)

    def _towards(self, trait: int) -> Tensor:
        """The covariance of z with the digit's probability, as long as a coordinate's standard deviation."""
        probability = self.seen.trait[:, trait].sigmoid()
        moves = self.sensitivity.moves
        covariance = (probability - probability.mean()) @ self.sample @ moves.T @ moves
        return functional.normalize(covariance, dim=0) * SPREAD[self.served.manifest.prior]

    def _sefa(self) -> Tensor:
        model = onnx.load(self.served.folder / self.served.manifest.roles["generator"].file)
        matrix = sefa.first_layer(model)
        return torch.empty(0, 0) if matrix is None else sefa.components(matrix)

    def _principal(self) -> Tensor:
        strongest_last: Tensor = torch.linalg.eigh(self.sensitivity.pixels).eigenvectors.T
        return strongest_last.flip(0) @ self.sensitivity.moves

    def _named(self, name: str, method: Method, vector: Tensor) -> Candidate:
        """After the attribute that changes most along it, on average."""
        slopes = self.sensitivity.moves @ vector @ self._slopes()
        return self._scaled(name, method, int(slopes[:ATTRIBUTES].abs().argmax()), vector)

    def _scaled(self, name: str, method: Method, trait: int, vector: Tensor) -> Candidate:
        slope = self.sensitivity.moves @ vector @ self._slopes()[:, trait]
        return Candidate(name, method, trait, Straight(rounded(vector / slope)))

    def _picture(self, way: Way, ends: tuple[float, float]) -> bytes:
        z, label = self.served.draw(PICTURED)
        image = course.along(self.served, z, label, way, torch.linspace(*ends, LOOKS).tolist())
        rows, looks = len(PICTURED), LOOKS
        sheet = image.reshape(rows, looks, 28, 28).swapaxes(1, 2).reshape(rows * 28, looks * 28)
        content = io.BytesIO()
        Image.fromarray(sheet.numpy()).save(content, "WEBP", quality=50, method=6)
        return content.getvalue()


def rounded(vector: Tensor) -> Tensor:
    """To four significant digits, before it is measured: what is measured is what is served."""
    return torch.tensor([float(f"{value:.4g}") for value in vector.tolist()], dtype=torch.float64)


def table(directions: list[Direction]) -> str:
    """A line for each: range, correlation with its trait, share of images that keep or become their digit."""
    if not directions:
        return "  no direction of it has a name"
    lines = [f"  {'':15}{'trait':15}{'range':>14}{'correlation':>13}{'kept':>8}"]
    for name, (low, high), found in ((one.name, one.range, one.found) for one in directions):
        if found is not None:
            span = f"{low:g} to {high:g}"
            lines.append(f"  {name:15}{found.trait:15}{span:>14}{found.correlation:13.3f}{found.kept:8.1%}")
    return "\n".join(lines)


def write(bundle: Path) -> list[Direction]:
    """Finds a bundle's directions and puts them into its manifest, their files beside it.

    The files have their digests in their names: until the manifest names the new ones, those that it names
    are there as they were.
    """
    found = list(Search(Served(bundle, torch.get_num_threads())).directions())
    files = {name: content for _, of_one in found for name, content in of_one.items()}
    for name, content in files.items():
        temporary = bundle / f".{name}.partial"
        temporary.write_bytes(content)
        os.replace(temporary, bundle / name)
    directions = [direction for direction, _ in found]
    record(bundle, directions=[direction.model_dump() for direction in directions])
    for file in (*bundle.glob("direction-*.webp"), *bundle.glob("landscape-*.png")):
        if file.name not in files:
            file.unlink()
    return directions
