"""Requests and responses of the native API, as they are validated and documented.

Requests are strict (a string is no number, a boolean no integer) and closed (an unknown field is an error);
no number may be NaN or infinite. Responses document what the handlers write: their bytes are joined by hand.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from service.manifest import NAME

MAX_IMAGES = 256
MAX_PIXELS = 2**24
"""Most pixels of one answer: a scale is refused that would exceed it."""

Seed = Annotated[int, Field(ge=0, lt=2**32)]
Label = Annotated[int, Field(ge=0, le=9)]
# Fails at the first bad number: to list a hundred thousand of them would hold up every other request.
Latent = Annotated[list[float], Field(min_length=1, max_length=4096, fail_fast=True)]
Scale = Annotated[int, Field(ge=1, le=16)]
Labels = Annotated[
    list[Label],
    Field(min_length=1, max_length=MAX_IMAGES),
    # One for all and a list of one are the same thing. Not a union: it would name a wrong digit twice.
    BeforeValidator(lambda value: [value] if isinstance(value, int | str) else value, Label | list[Label]),
]
End = Annotated[
    Annotated[Seed, Tag("seed")] | Annotated[Latent, Tag("vector")],
    Discriminator(lambda value: "vector" if isinstance(value, list) else "seed"),
]
Switch = Annotated[
    bool | None,
    BeforeValidator(lambda value: None if value == "auto" else value, bool | Literal["auto"] | None),
]


class Asked(BaseModel):
    """What every request may name."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        populate_by_name=False,
    )

    model: Annotated[str, Field(pattern=NAME)] | None = None
    """A name from /models; the default model if left out."""
    version: Annotated[int, Field(ge=1)] | None = None
    """The newest if left out."""
    directions: Annotated[dict[str, float], Field(max_length=64)] = Field(
        # A factory, since a plain default is copied deeply for every request.
        default_factory=dict,
        json_schema_extra={"default": {}},
    )
    """Moves along the model's named directions: {name: amount}, the amount within the direction's range."""
    scale: Scale = 1
    """Every pixel becomes a square of so many pixels."""


class GenerateRequest(Asked):
    """n images from a seed. Image i is image 0 of seed + i."""

    n: Annotated[int, Field(ge=1, le=MAX_IMAGES)] | None = None
    """How many images; as many as there are labels if left out, else 1."""
    seed: Seed | None = None
    """Random if left out; the answer says which it was."""
    labels: Labels | None = None
    """Conditional models only: one digit, or a list of n; drawn from the seeds if left out."""
    truncation: Annotated[float, Field(gt=0, le=1)] = 1.0
    """z is multiplied by it: lower is more typical and less varied."""
    columns: Annotated[int, Field(ge=1, le=MAX_IMAGES)] | None = None
    """Of the png grid; near square if left out."""
    format: Literal["json", "png", "npy", "zip"] = "json"
    """json: base64 PNGs; png: one grid; npy: uint8 [n, 28, 28]; zip: a PNG each."""
    return_latents: bool = False
    """json only: with each image its z."""
    return_scores: bool = False
    """json only: with each image the discriminator's score."""


class GenerateQuery(GenerateRequest):
    """The same in a query, where a picture is what one wants."""

    format: Literal["json", "png", "npy", "zip"] = "png"
    """png: one grid; json: base64 PNGs; npy: uint8 [n, 28, 28]; zip: a PNG each."""


class DecodeRequest(Asked):
    """Images of given latent vectors."""

    max_items: ClassVar[int] = 262_144

    latents: Annotated[list[Latent], Field(min_length=1, max_length=MAX_IMAGES, fail_fast=True)]
    """One vector an image, as wide as the model's latent_dim."""
    labels: Labels | None = None
    """Conditional models only, and needed there: one digit for all, or one for each vector."""
    columns: Annotated[int, Field(ge=1, le=MAX_IMAGES)] | None = None
    """Of the png grid; near square if left out."""
    format: Literal["json", "png", "npy", "zip"] = "json"
    """json: base64 PNGs; png: one grid; npy: uint8 [n, 28, 28]; zip: a PNG each."""
    return_scores: bool = False
    """json only: with each image the discriminator's score."""


class InterpolateRequest(Asked):
    """A path through latent space."""

    max_items: ClassVar[int] = 16_384

    from_: Annotated[End, Field(alias="from")]
    """Where it begins: a seed, or a latent vector."""
    to: End
    """Where it ends."""
    steps: Annotated[int, Field(ge=2, le=128)] = 16
    """Images from one to the other, both included."""
    method: Literal["auto", "slerp", "lerp"] = "auto"
    """slerp: along the sphere; lerp: the straight line; auto: slerp for a normal prior, lerp for a uniform
    one or at most 2 dimensions."""
    loop: bool = False
    """Also the way back, so that the animation closes."""
    labels: Labels | None = None
    """Conditional models only: one digit, or one for each step; that of the seed `from` if left out."""
    format: Literal["json", "png", "gif", "webp"] = "json"
    """json: base64 PNGs; png: a strip; gif, webp: an animation that repeats."""
    frame_ms: Annotated[int, Field(ge=20, le=10_000)] = 80
    """Of an animation: milliseconds a frame."""


class GeneratedImage(BaseModel):
    b64_json: str
    """base64 of a grey PNG."""
    seed: int | None = None
    """That alone gives this image again (/generate)."""
    label: int | None = None
    score: float | None = None
    latent: list[float] | None = None


class Timings(BaseModel):
    """Milliseconds."""

    draw: float
    run: float
    """Waiting for a batch included."""
    encode: float


class GenerateResponse(BaseModel):
    model: str
    version: int
    seed: int
    images: list[GeneratedImage]
    timings: Timings | None = None
    """POST only: what GET answers can be cached."""


class DecodeResponse(BaseModel):
    model: str
    version: int
    images: list[GeneratedImage]
    timings: Timings


class InterpolateResponse(BaseModel):
    model: str
    version: int
    method: Literal["slerp", "lerp"]
    images: list[GeneratedImage]
    timings: Timings


class UploadOptions(BaseModel):
    """What may be said of uploaded pictures, in the query, in the form or in the JSON body."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True)

    model: Annotated[str, Field(pattern=NAME)] | None = None
    """A name from /models; the default model if left out."""
    version: Annotated[int, Field(ge=1)] | None = None
    """The newest if left out."""
    fit: Switch = None
    """Crop to the ink, fit to 20x20 and centre by mass, as MNIST's digits were. auto or left out: unless the
    picture is 28x28 already."""
    invert: Switch = None
    """Exchange dark and light. auto or left out: where the ink is dark and the picture is not 28x28."""
    return_images: bool = False
    """With each answer the 28x28 picture that the networks saw."""


class UploadRequest(UploadOptions):
    """Pictures in JSON."""

    max_items: ClassVar[int] = 8192

    images: Annotated[list[str], Field(min_length=1)]
    """base64 of image files: PNG, JPEG, GIF, WebP or BMP."""


class ScoreOptions(UploadOptions):
    label: Labels | None = None
    """Conditional models only: the digit that the pictures are said to be, one for all or one each. Left out,
    the score is over all ten digits and the answer names the likeliest."""


class ScoreRequest(ScoreOptions, UploadRequest):
    """Pictures to score, in JSON."""


class ClassifyRequest(UploadRequest):
    """Pictures to classify, in JSON."""


class EncodeOptions(UploadOptions):
    reconstruct: bool = False
    """Also what the generator makes of each latent vector."""
    mask: str | None = None
    """base64 of a 28x28 picture: where it is white, the pixel is missing and the model fills it in. It lies
    over the pictures as the networks see them, after fitting. In a form it may also be a file."""
    rounds: Annotated[int, Field(ge=1, le=100)] | None = None
    """With `mask` only: how often the missing pixels are taken from the reconstruction; 20 if left out."""
    label: Labels | None = None
    """Conditional models only, and needed there: the digit of the pictures, one for all or one each."""


class EncodeRequest(EncodeOptions, UploadRequest):
    """Pictures to encode, in JSON."""


class ImageAnswer(BaseModel):
    """What is said of each uploaded picture."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    file: str | None
    """The file's name, where it has one."""
    preprocessing: list[str]
    """What was done to the picture, in order."""
    image: str | None = None
    """base64 of a grey PNG: the 28x28 picture that the networks saw. Only if asked for."""


class ImageScore(ImageAnswer):
    logit: float
    """The discriminator's score: log-odds of real against generated, or a critic's value."""
    probability: float | None
    """1 / (1 + exp(-logit)); null for a critic, whose values are no log-odds."""
    threshold: float
    """The score that best tells real digits from this model's own samples."""
    label: int | None = None
    """The digit that it was scored as."""
    likeliest_label: int | None = None
    """The digit with the highest score, where none was given to a conditional model."""


class ScoreResponse(BaseModel):
    model: str
    version: int
    scores: list[ImageScore]
    timings: dict[str, float]


class ImageClass(ImageAnswer):
    label: int
    """The likeliest digit."""
    probabilities: list[float]
    """Of the digits 0 to 9; they sum to 1."""


class ClassifyResponse(BaseModel):
    model: str
    version: int
    classifications: list[ImageClass]
    timings: dict[str, float]


class ImageEncoding(ImageAnswer):
    latent: list[float]
    """The encoder's mean; of the filled picture, where a mask was given."""
    reconstruction: str | None = None
    """base64 of a PNG: what the generator makes of `latent`. Only if asked for."""
    filled: str | None = None
    """base64 of a PNG: the picture with its missing pixels filled in. Only with a mask."""


class EncodeResponse(BaseModel):
    model: str
    version: int
    encodings: list[ImageEncoding]
    timings: dict[str, float]
