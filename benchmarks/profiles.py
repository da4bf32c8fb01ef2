"""Why a goal was missed: where the product's side spends its time."""

from __future__ import annotations

import cProfile
import io
import pstats
from collections.abc import Callable
from pathlib import Path

from benchmarks.sizes import sizes

RESULTS = Path(__file__).parent / "results"


def suffix() -> str:
    """What the files of a quick look are told apart by."""
    return "-quick" if sizes().quick else ""


def forget_profiles(codes: str = "lr") -> None:
    """Those of an earlier run would speak of goals that may be reached by now; ``codes``: first letters."""
    for path in RESULTS.glob(f"profile-[{codes}]*{suffix()}.txt"):
        if suffix() or "-quick" not in path.name:
            path.unlink()


def save_profile(code: str, work: Callable[[float], float], seconds: float) -> Path:
    """Run the work once more under the profiler and keep a summary, file names without their paths."""
    profiler = cProfile.Profile()
    profiler.enable()
    rate = work(max(seconds, 1.0))
    profiler.disable()
    text = io.StringIO()
    text.write(f"{code}: {rate:,.0f} operations per second while profiled\n")
    statistics = pstats.Stats(profiler, stream=text).strip_dirs()
    statistics.sort_stats("cumulative").print_stats(45)
    statistics.sort_stats("tottime").print_stats(25)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"profile-{code.lower().replace(' ', '-')}{suffix()}.txt"
    path.write_text("\n".join(line.rstrip() for line in text.getvalue().splitlines() if line.strip()) + "\n")
    return path
