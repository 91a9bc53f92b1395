"""The local AWS: ministack, with the gaps filled that would hide a mistake of ours.

ministack is run as it is published. Where it is more lenient than AWS, or leaves
a step out, the difference is closed here by wrapping one of its functions, so
that no function of the vault needs to know where it runs:

- Cognito: no sign-up where only administrators make users; an invitation sent again has a new
  temporary password, and only while it waits; required attributes come with the new password, which is not
  the temporary one; email_verified after a code; challenge sessions (single use, three minutes,
  bound to user and client); the password policy on a new password; a code of an authenticator app
  opens one sign-in; a client's WriteAttributes, and its ReadAttributes for what the trigger is told;
  immutable and unknown attributes; an address that must be proven before it changes; a failing
  pre-token trigger answers UserLambdaValidationException.
- CloudFormation: time to live, point-in-time recovery and encryption of tables,
  encryption and Object Lock of buckets; alarms over expressions are accepted; the SAM transform gets the stack's
  parameters, and nested templates are transformed too; WAFv2::WebACLAssociation and CodeDeploy's types are
  recorded and have no effect.
- SQS: queue URLs do not change with the port.
- DynamoDB: time-to-live deletions appear on the stream, marked as the service's;
  partial failures of a stream handler are repeated, a limited number of times.
- DynamoDB: a transaction that meets another request under way on one of its items is cancelled,
  and counted in conflicts.json.
- IAM: the condition keys kms:EncryptionContext:* and kms:EncryptionContextKeys;
  aws:SecureTransport is true, since the loopback interface stands in for TLS; what each role was
  granted, used and refused is recorded in permissions.json.
- API Gateway: gateway responses and integration responses (CORS preflight) that
  SAM writes into an API's OpenAPI body.

Each wrapper names what AWS does. Start with the same environment as ministack.
"""

import sys

import watch
from gaps import (
    cloudformation,
    codedeploy,
    cognito,
    conflicts,
    dynamodb,
    gateway,
    iam,
    queues,
    streams,
)


def main():
    # The folder of the stack, there only to tell one server from another in `ps`.
    del sys.argv[1:]
    watch.stop_with_parent()
    # Time to live first: ministack's own thread for it must not start.
    gaps = (dynamodb, conflicts, iam, gateway, cognito, cloudformation, codedeploy, queues, streams)
    for gap in gaps:
        gap.fill()
    from ministack.app import main as serve

    try:
        serve()
    finally:
        watch.end_group()


if __name__ == "__main__":
    main()
