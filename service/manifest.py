"""The bundle's schema: what a `manifest.json` in models/<name>/<version>/ says.

The only thing that crosses from training to serving. Training writes it, the service reads it; neither
torch nor web code is imported here. Images at a bundle's boundary are uint8 [batch, 28, 28], 0 is paper
and 255 is ink.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.mnist import CLASSES as CLASSES
from service.mnist import SIDE as SIDE

NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"

RoleName = Literal["generator", "discriminator", "encoder", "classifier"]
Name = Annotated[str, Field(pattern=NAME)]
SideFileName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,57}\.(json|png|webp)$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# A plain file name: it can neither leave the bundle's folder nor be hidden in it.
FileName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}\.onnx$")]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Role(Part):
    """One ONNX file of the bundle."""

    file: FileName
    sha256: Digest
    bytes: int = Field(gt=0)


class File(Part):
    """A file of the bundle that no network is in: a table or a picture."""

    file: SideFileName
    sha256: Digest
    bytes: int = Field(gt=0)


class History(Part):
    """How the model learned."""

    curves: File
    """JSON: `steps`, `curves` by name with a value or null for each step, `frames`, the pictures' steps."""
    frames: File
    """WebP: for each of `frames` ten by ten samples of the same latents, 280x280, one below the other."""


class Score(Part):
    """What the discriminator's number means."""

    kind: Literal["logit", "critic"]
    """`logit`: log-odds of real against generated; `critic`: a Wasserstein critic's or minus an energy, whose
    scale and zero say nothing."""
    threshold: float
    """The score that best tells real test digits from the model's own samples (balanced accuracy)."""
    label_threshold: float | None = None
    """The same for a conditional discriminator that is told the label."""
    real_quantiles: tuple[float, float, float]
    """5 %, 50 % and 95 % quantiles of the scores of real test digits, without a label."""
    generated_quantiles: tuple[float, float, float]
    """The same for the model's own samples."""


class GoldenSamples(Part):
    """The generator's self-test: these latents (and labels) must give these images."""

    z: list[list[float]]
    labels: list[int] | None = None
    images: str
    """base64 of the uint8 bytes [len(z), 28, 28] that the exporting machine got."""
    sha256: Digest
    """sha256 of those bytes. Another processor may round a pixel differently: see `level_tolerance`."""
    level_tolerance: int = Field(default=2, ge=0, le=8)
    """By how many of 255 levels a pixel may differ where the digest does."""


class GoldenValues(Part):
    """Self-test of a role that reads images: these images (and labels) must give these numbers."""

    images: str
    """base64 of uint8 bytes [n, 28, 28]."""
    labels: list[int] | None = None
    values: list[list[float]]
    """[n, 1] scores, [n, latent] latent means, or [n, classes] class logits."""
    tolerance: float = Field(gt=0)
    """Largest absolute difference allowed."""


class Golden(Part):
    generator: GoldenSamples
    discriminator: GoldenValues | None = None
    encoder: GoldenValues | None = None
    classifier: GoldenValues | None = None


class Found(Part):
    """How a direction was found, and what was measured of it from one end of its range to the other."""

    method: Literal["regression", "landscape", "sefa", "principal"]
    """`regression`: on what was measured in images; `landscape`: up the slope of what was measured all over
    the plane; the others are found without, and named afterwards."""
    trait: str
    """What grows with the amount: an attribute such as `slant`, or how sure a classifier is of a digit."""
    correlation: float
    """Spearman's, of amount and trait: the mean over seeds."""
    kept: float
    """The smallest share, over the amounts, of images that still show their digit; of a direction towards a
    digit, the share at its end that show that one."""
    moves: dict[str, float]
    """By how many of its standard deviations each attribute changes from end to end: medians over seeds."""
    picture: File
    """WebP: two seeds from top to bottom, seven amounts from left to right, 196x56."""


class Landscape(File):
    """A trait all over the plane of a model with two latent dimensions: a square PNG of 16 bits of grey. z
    grows from -`reach` to `reach`, z0 from left to right and z1 from top to bottom."""

    reach: float = Field(gt=0)
    low: float
    """What black stands for, in standard deviations of the trait."""
    high: float
    """White."""


class Direction(Part):
    """A direction of latent space with a name: z + amount * vector, or on a plane a way that bends, up the
    slope of a landscape; the amount within `range`."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    vector: list[float] | None = None
    landscape: Landscape | None = None
    range: tuple[float, float]
    found: Found | None = None

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if (self.vector is None) == (self.landscape is None):
            raise ValueError(f"directions: {self.name} needs either a vector or a landscape")
        return self


class Metric(Part):
    """One measured figure of the exported files, with the same figure for real digits as its limit."""

    value: float
    floor: float | None = None
    spread: float | None = None
    """Standard deviation over repeated draws."""


class Paper(Part):
    title: str
    authors: str
    year: int
    url: str


class Training(Part):
    """How the weights came to be."""

    images: int = Field(ge=0)
    """Real images seen, repeats counted."""
    seconds: float = Field(ge=0)
    device: str
    threads: int = Field(ge=1)
    seed: int
    libraries: dict[str, str]


class AsWritten(Part):
    """The system as its paper has it, without later stabilisers: trained and measured, but not shipped."""

    config: dict[str, bool | int | float | str | None]
    training: Training
    metrics: dict[str, Metric]


class Manifest(Part):
    schema_version: Literal[1] = 1
    name: Name
    version: int = Field(ge=1)
    title: str
    summary: str
    paper: Paper
    recipe: str
    config: dict[str, bool | int | float | str | None]
    latent_dim: int = Field(ge=1, le=4096)
    prior: Literal["normal", "uniform"]
    """Of each coordinate of z: N(0, 1), or uniform on [-1, 1]."""
    conditional: bool
    score: Score | None = None
    roles: dict[RoleName, Role]
    golden: Golden
    directions: list[Direction] = []
    metrics: dict[str, Metric] = {}
    training: Training
    as_written: AsWritten | None = None
    history: History | None = None
    licence: str

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if "generator" not in self.roles:
            raise ValueError("roles: a bundle needs a generator")
        if ("discriminator" in self.roles) != (self.score is not None):
            raise ValueError("score: given exactly when there is a discriminator")
        for role in self.roles:
            if getattr(self.golden, role) is None:
                raise ValueError(f"golden: no self-test for the role {role}")
        if any(len(z) != self.latent_dim for z in self.golden.generator.z):
            raise ValueError(f"golden: z is not {self.latent_dim} wide")
        if self.conditional and self.golden.generator.labels is None:
            raise ValueError("golden: a conditional generator's self-test needs labels")
        for direction in self.directions:
            if direction.vector is not None and len(direction.vector) != self.latent_dim:
                raise ValueError(f"directions: {direction.name} is not {self.latent_dim} wide")
            if direction.landscape is not None and self.latent_dim != 2:
                raise ValueError(f"directions: {direction.name} has a landscape, but z is no plane")
        return self
