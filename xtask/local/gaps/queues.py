"""SQS: queue URLs as AWS has them.

ministack puts its port into them. A stack that comes up on another port would no
longer find its queues, and functions would hold URLs that lead nowhere.
"""

import importlib


def fill():
    """Name queues by region and account; requests still go to the endpoint."""
    sqs = importlib.import_module("ministack.services.sqs")
    responses = importlib.import_module("ministack.core.responses")

    def queue_url(account, name):
        return f"https://sqs.{responses.get_region()}.amazonaws.com/{account}/{name}"

    sqs._queue_url_for_account = queue_url
