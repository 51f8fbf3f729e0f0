"""A client in Python, synchronous and asynchronous: `pip install ".[client]"`.

    with Client("http://127.0.0.1:8000") as digits:
        images = digits.array(labels=[2, 0, 2, 6], seed=7)  # uint8 [4, 28, 28]

Every call is a pure function of what it says, so it is made again where the service is busy (429, 503), a
proxy has lost the replica (502) or the connection broke, as late as Retry-After says; any other refusal is a
DigitsError with the service's own sentence.
"""

from service.client.asynchronous import AsyncClient
from service.client.calls import URL, Format, Generate, Images, Picture, Upload
from service.client.reply import DigitsError
from service.client.synchronous import Client

__all__ = ["URL", "AsyncClient", "Client", "DigitsError", "Format", "Generate", "Images", "Picture", "Upload"]
