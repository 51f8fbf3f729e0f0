"""One network of a bundle in onnxruntime, from bytes; the only module that imports it."""

import logging
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import onnxruntime as ort
from numpy.typing import NDArray

from service.engine.runs import Runs

Provider = Literal["auto", "cuda", "cpu"]
Array = NDArray[Any]

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
FATAL = 4

log = logging.getLogger(__name__)


class ProviderError(Exception):
    """The provider that was asked for cannot be had; the message names the fix."""


class Port(NamedTuple):
    """An input or output: numpy's dtype name and its shape, None where free."""

    dtype: str
    shape: tuple[int | None, ...]


class Session:
    """A network ready to run. `run` may be called from several threads at once.

    Raises ProviderError when CUDA is demanded and not to be had, and ValueError with onnxruntime's reason
    when the bytes are no network.
    """

    def __init__(self, data: bytes, provider: Provider, runs: Runs | None = None) -> None:
        self._session = _open(data, provider)
        self._runs = runs or Runs()
        self.provider: Literal["cuda", "cpu"] = "cuda" if CUDA in self._session.get_providers() else "cpu"
        self.inputs = {value.name: _port(value) for value in self._session.get_inputs()}
        self.outputs = {value.name: _port(value) for value in self._session.get_outputs()}
        self._output = list(self.outputs)[:1]

    def run(self, feeds: Mapping[str, Array], limit_s: float | None = None) -> Array:
        """Return the network's first output for these rows.

        The run fails when `Runs` is closed, or when its watchdog finds that it took more than `limit_s`
        seconds (None: the default of `Runs`).
        """
        options = ort.RunOptions()
        # A run that was ended is reported once, by its exception.
        options.log_severity_level = FATAL
        run = self._runs.begin(options, limit_s)
        try:
            output: Array = self._session.run(self._output, feeds, options)[0]
        finally:
            self._runs.end(run)
        return output


def _open(data: bytes, provider: Provider) -> ort.InferenceSession:
    if provider == "cuda" or (provider == "auto" and CUDA in ort.get_available_providers()):
        if CUDA not in ort.get_available_providers():
            raise ProviderError(
                "PROVIDER=cuda, but this onnxruntime has no CUDA: install the extra `cuda` "
                "(onnxruntime-gpu), or set PROVIDER=cpu"
            )
        # CUDA and cuDNN come as wheels, in folders where the loader would not look.
        getattr(ort, "preload_dlls", lambda: None)()
        session = _create(data, [(CUDA, _cuda_options()), CPU])
        # onnxruntime goes on with the processor when CUDA does not initialise, and only logs it.
        if CUDA in session.get_providers():
            return session
        if provider == "cuda":
            raise ProviderError(
                "PROVIDER=cuda, but CUDA did not initialise (onnxruntime's message above has the reason): "
                "check that nvidia-smi works here and that the container was started with its GPU, "
                "or set PROVIDER=cpu"
            )
        log.warning("CUDA did not initialise: running on the processor")
    return _create(data, [CPU])


def _create(data: bytes, providers: list[Any]) -> ort.InferenceSession:
    options = ort.SessionOptions()
    # One thread per run: the pool runs several at once, which must not wait for one another's threads.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.use_deterministic_compute = True
    # From bytes, onnxruntime would look for external weights in the working directory. They are refused by
    # naming a folder that cannot exist.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", "/dev/null/none")
    # What goes wrong comes back as an exception; CUDA's silence is the exception to that.
    options.log_severity_level = FATAL if providers == [CPU] else 3
    try:
        return ort.InferenceSession(data, options, providers=providers)
    except Exception as error:  # onnxruntime's errors have no common base of their own.
        if "xternal" in str(error):
            raise ValueError("it keeps weights in another file; export it with external_data=False") from None
        raise ValueError(f"onnxruntime refuses it: {str(error).splitlines()[0][:300]}") from None


def _cuda_options() -> dict[str, str]:
    # EXHAUSTIVE, the default, times the algorithms and may choose another one at the next start; TF32 rounds
    # to 10 bits of mantissa.
    return {"cudnn_conv_algo_search": "DEFAULT", "use_tf32": "0", "do_copy_in_default_stream": "1"}


def _port(value: Any) -> Port:
    dtype = value.type.removeprefix("tensor(").removesuffix(")")
    dtype = {"float": "float32", "double": "float64"}.get(dtype, dtype)
    return Port(dtype, tuple(size if isinstance(size, int) else None for size in value.shape))
