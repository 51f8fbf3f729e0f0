"""Draws the one-dimensional game: its four states, its course, what k does, and what G is pushed by."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageColor

from training.theory import Course, Loss, Pushes, State, X, data_density, four_states

DATA, FAKE, JUDGE, BEST = "#3b3f46", "#2f8f5b", "#2563a8", "#e08a2c"
SOFT = "#8b9099"
TITLES = (
    "1  D is untrained",
    "2  D has learned, G has waited: D is near D*",
    "3  G has moved to where D is higher",
    r"4  $p_g = p_\mathrm{data}$, and D can only say 1/2",
)
TINTS = (1.0, 0.7, 0.4, 0.15)
"""How strong a colour is, on white, in the animation: lines, their edges, and areas."""
MILLISECONDS = 140
LAST_MILLISECONDS = 2500


def draw_state(axes: Axes, state: State, title: str) -> None:
    """Densities and D above; below, where G takes evenly spaced quantiles of z."""
    x, p_data = X.numpy(), data_density(X).numpy()
    axes.fill_between(x, p_data, color=DATA, alpha=0.12, lw=0)
    axes.plot(x, p_data, color=DATA, lw=1.2, ls=(0, (1, 1.2)), label=r"$p_\mathrm{data}$, real")
    axes.fill_between(x, state.p_g.numpy(), color=FAKE, alpha=0.15, lw=0)
    axes.plot(x, state.p_g.numpy(), color=FAKE, lw=1.6, label="$p_g$, generated")
    seen = (data_density(X) + state.p_g > 0.01).numpy()
    best = state.best.clone()
    best[~torch.from_numpy(seen)] = torch.nan
    axes.plot(x, best.numpy(), color=BEST, lw=3.5, alpha=0.55, label="D*, the best D")
    axes.plot(x, state.d.numpy(), color=JUDGE, lw=1.6, ls=(0, (5, 1.6)), label="D")
    axes.axhline(0.5, color=SOFT, lw=0.6, ls=(0, (2, 4)))
    axes.axhline(0, color=DATA, lw=0.8)
    top, bottom = -0.12, -0.42
    for share, sample in zip(torch.linspace(0, 1, len(state.samples)), state.samples, strict=True):
        axes.plot([-2 + 4 * float(share), float(sample)], [bottom, top], color=FAKE, lw=0.6, alpha=0.7)
    axes.axhline(bottom, color=SOFT, lw=0.8)
    axes.axhline(top, color=SOFT, lw=0.8)
    axes.text(-3.95, bottom + 0.03, "z", color=SOFT, fontsize=9, style="italic")
    axes.text(-3.95, top + 0.03, "x = G(z)", color=SOFT, fontsize=9, style="italic")
    axes.set(xlim=(-4, 4), ylim=(-0.48, 1.3), yticks=(0, 0.5, 1), xticks=())
    axes.tick_params(colors=SOFT, labelsize=8, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(title, loc="left", fontsize=10.5, color=DATA)


def states(four: Sequence[State]) -> Image.Image:
    """The four-panel plot."""
    figure = Figure(figsize=(9.2, 6.6), dpi=110, facecolor="white", layout="constrained")
    grid = figure.subplots(2, 2)
    for axes, state, title in zip(grid.flat, four, TITLES, strict=True):
        draw_state(axes, state, title)
        note = f"mean |D - 1/2| over the data: {state.doubt:.3f}"
        axes.text(3.95, 1.2, note, ha="right", fontsize=8, color=SOFT)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return _rendered(figure)


def frames(played: Sequence[State]) -> Iterator[Image.Image]:
    """The pictures of the animation."""
    for state in played:
        figure = Figure(figsize=(4.8, 3.3), dpi=100, facecolor="white", layout="constrained")
        axes = figure.subplots()
        what = f"G after {state.step} steps" if state.step else f"D alone, {state.opening} steps"
        draw_state(axes, state, what)
        axes.legend(loc="upper right", ncols=2, frameon=False, fontsize=8, labelcolor=DATA)
        yield _rendered(figure)


def animation(played: Sequence[State]) -> bytes:
    """An animated WebP that rests on its last picture."""
    drawn = list(frames(played))
    # One palette for all: what stays the same from frame to frame then costs nothing.
    palette = _palette()
    first, *others = [
        frame.quantize(palette=palette, dither=Image.Dither.NONE).convert("RGB") for frame in drawn
    ]
    content = io.BytesIO()
    durations = [MILLISECONDS] * len(others) + [LAST_MILLISECONDS]
    first.save(
        content,
        "WEBP",
        save_all=True,
        append_images=others,
        duration=durations,
        loop=0,
        lossless=True,  # of so few colours: smaller than lossy, and sharp
        method=4,
    )
    return content.getvalue()


def _palette() -> Image.Image:
    """Every colour in every tint, so that no line takes another's."""
    levels = [255, 255, 255]
    for colour in (DATA, FAKE, JUDGE, BEST, SOFT):
        levels += [round(255 + (level - 255) * tint) for tint in TINTS for level in ImageColor.getrgb(colour)]
    image = Image.new("P", (1, 1))
    image.putpalette(levels + levels[:3] * (256 - len(levels) // 3))
    return image


def what_k_does(courses: Sequence[Course]) -> Image.Image:
    """Distance of p_g to p_data by steps of D, for each k."""
    says = ("too small: G chases a D that is behind", "enough", "too large: D is sure, and G hardly learns")
    figure = Figure(figsize=(7.2, 3.9), dpi=110, facecolor="white", layout="constrained")
    axes = figure.subplots()
    for course, colour, say in zip(courses, (BEST, FAKE, JUDGE), says, strict=True):
        axes.plot(course.spent, course.distance, color=colour, lw=1.8, label=f"k = {course.k}, {say}")
    axes.set(xlabel="steps of D", ylabel=r"distance of $p_g$ from $p_\mathrm{data}$", ylim=(0, None))
    axes.set_title(
        "k steps of D for each step of G (the minimax loss)", loc="left", fontsize=10.5, color=DATA
    )
    _plain(axes)
    axes.legend(frameon=False, fontsize=8.5, labelcolor=DATA, loc="center right", bbox_to_anchor=(1, 0.72))
    return _rendered(figure)


def what_pushes(pushed: Pushes) -> Image.Image:
    """The two losses of G: as functions of D(G(z)), and the gradients that were measured."""
    figure = Figure(figsize=(9.2, 3.8), dpi=110, facecolor="white", layout="constrained")
    left, right = figure.subplots(1, 2)
    d = torch.linspace(0.002, 0.998, 500)
    left.plot(d, torch.log(1 - d), color=BEST, lw=1.8, label="minimax: log(1 - D(G(z)))")
    left.plot(d, -torch.log(d), color=JUDGE, lw=1.8, label="non-saturating: -log D(G(z))")
    left.axvspan(0, 0.08, color=SOFT, alpha=0.15, lw=0)
    left.text(0.1, 4.1, "here G begins:\nD knows its samples", fontsize=8.5, color=SOFT, va="top")
    left.set(xlabel="D(G(z))", ylabel="what G minimises", xlim=(0, 1), ylim=(-4.5, 4.5))
    left.set_title("Flat where G begins, or steep", loc="left", fontsize=10.5, color=DATA)
    left.legend(frameon=False, fontsize=8.5, labelcolor=DATA, loc="lower left")
    colours: dict[Loss, str] = {"minimax": BEST, "non_saturating": JUDGE}
    for loss, colour in colours.items():
        right.semilogy(pushed.steps, pushed.size[loss], color=colour, lw=1.8)
    right.set(xlabel="steps of D, while G waits", ylabel="mean gradient at G's samples")
    right.set_title("The better D, the less minimax teaches", loc="left", fontsize=10.5, color=DATA)
    for axes in (left, right):
        _plain(axes)
    return _rendered(figure)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(SOFT)
    axes.tick_params(colors=SOFT, labelsize=8)
    axes.xaxis.label.set(color=DATA, fontsize=9)
    axes.yaxis.label.set(color=DATA, fontsize=9)


def _rendered(figure: Figure) -> Image.Image:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    return Image.fromarray(pixels).convert("RGB")


def write(folder: Path, played: Sequence[State], courses: Sequence[Course], pushed: Pushes) -> None:
    """game.webp, states.png, k.png and gradients.png."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "game.webp").write_bytes(animation(played))
    pictures = {
        "states": states(four_states(played)),
        "k": what_k_does(courses),
        "gradients": what_pushes(pushed),
    }
    for name, picture in pictures.items():
        # So few colours that a palette holds them all, antialiasing included.
        picture.quantize(64).save(folder / f"{name}.png", optimize=True)
