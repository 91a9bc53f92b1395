//! The operator: plain AWS calls with an operator's key, signed by the AWS signing library.

use std::{env, path::PathBuf, process::Command, time::SystemTime};

use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use domain::Timestamp;
use serde_json::{Value, json};

use crate::{Answer, Call, Outcome, Stack, Surprise, poll};

/// What the table's stream tells of an item that was written (`INSERT`) or that TTL took away
/// (`REMOVE`), as Lambda hands it to a function (Amazon DynamoDB API Reference, `Record`).
#[must_use]
pub fn stream_record(event: &str, number: &str, item: &Value) -> Value {
    let mut record = json!({
        "eventID": number, "eventName": event, "eventVersion": "1.1",
        "eventSource": "aws:dynamodb", "awsRegion": "eu-central-1",
        "eventSourceARN": "arn:aws:dynamodb:eu-central-1:000000000000:table/t/stream/s",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_767_614_400.0, "SequenceNumber": number,
            "SizeBytes": 10, "StreamViewType": "NEW_AND_OLD_IMAGES",
            "Keys": { "PK": item["PK"], "SK": item["SK"] },
        },
    });
    if event == "REMOVE" {
        record["dynamodb"]["OldImage"] = item.clone();
        record["userIdentity"] =
            json!({ "type": "Service", "principalId": "dynamodb.amazonaws.com" });
    } else {
        record["dynamodb"]["NewImage"] = item.clone();
    }
    record
}

/// The key of an item of the table.
#[must_use]
pub fn key(pk: &str, sk: &str) -> Value {
    json!({ "PK": { "S": pk }, "SK": { "S": sk } })
}

/// The operator's program, which `cargo xtask` builds beside what runs now.
fn program() -> Outcome<PathBuf> {
    let own = env::current_exe()?;
    let found = own.ancestors().map(|folder| folder.join("operator")).find(|path| path.is_file());
    found.ok_or_else(|| Surprise("no operator's program: run `cargo build --bin operator`".into()))
}

impl Stack {
    /// Runs a command of the operator's program; answers what it said.
    pub fn operate(&self, arguments: &[&str]) -> Outcome<String> {
        let done = Command::new(program()?)
            .args(arguments)
            .env("TABLE_NAME", self.output("TableName")?)
            .env("KEY_ARN", self.output("VaultKeyArn")?)
            .env("USER_POOL_ID", self.output("UserPoolId")?)
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_REGION", &self.region)
            .env("AWS_ACCESS_KEY_ID", &self.operator.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &self.operator.secret_access_key)
            .output()?;
        match done.status.success() {
            true => Ok(String::from_utf8_lossy(&done.stdout).into_owned()),
            false => Err(Surprise(String::from_utf8_lossy(&done.stderr).into_owned())),
        }
    }

    fn signed(&self, service: &str, call: Call) -> Outcome<Answer> {
        let (id, secret) = (&self.operator.access_key_id, &self.operator.secret_access_key);
        let identity =
            aws_credential_types::Credentials::new(id, secret, None, None, "stack.json").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let body = SignableBody::Bytes(call.content());
        let request = SignableRequest::new(call.method(), call.url(), call.headers(), body)?;
        let (instructions, _) = sign(request, &params)?.into_parts();
        let mut signed = call.clone();
        for (name, value) in instructions.headers() {
            signed = signed.header(name, value);
        }
        signed.send()
    }

    /// A call of a service that speaks AWS's JSON protocol.
    pub fn aws(&self, service: &str, target: &str, body: &Value) -> Outcome<Value> {
        Ok(self.asked_of_aws(service, target, body)?.expect(200)?.body)
    }

    /// The same call, with whatever is answered.
    pub fn asked_of_aws(&self, service: &str, target: &str, body: &Value) -> Outcome<Answer> {
        let version = if service == "dynamodb" { "1.0" } else { "1.1" };
        let call = Call::new("POST", format!("{}/", self.endpoint))
            .header("X-Amz-Target", target)
            .json(body)
            .header("Content-Type", &format!("application/x-amz-json-{version}"));
        self.signed(service, call)
    }

    /// A call on the table, past every operation of the API.
    pub fn dynamo(&self, operation: &str, mut call: Value) -> Outcome<Value> {
        call["TableName"] = json!(self.output("TableName")?);
        self.aws("dynamodb", &format!("DynamoDB_20120810.{operation}"), &call)
    }

    /// A call of Cognito's user pools.
    pub fn cognito(&self, operation: &str, body: &Value) -> Outcome<Value> {
        let target = format!("AWSCognitoIdentityProviderService.{operation}");
        self.aws("cognito-idp", &target, body)
    }

    /// Invokes a function with an event, as a schedule or a person at the console would.
    pub fn invoke(&self, operation: &str, event: &Value) -> Outcome<Value> {
        let name = self.function(operation);
        let url = format!("{}/2015-03-31/functions/{name}/invocations", self.endpoint);
        let answer = self.signed("lambda", Call::new("POST", url).json(event))?.expect(200)?;
        match answer.headers.get("x-amz-function-error") {
            None => Ok(answer.body),
            Some(_) => Err(Surprise(format!("{operation} failed: {}", answer.body))),
        }
    }

    /// A function's configuration, after a change of it where one is given.
    pub fn function_configuration(
        &self,
        operation: &str,
        change: Option<&Value>,
    ) -> Outcome<Value> {
        let name = self.function(operation);
        let url = format!("{}/2015-03-31/functions/{name}/configuration", self.endpoint);
        let call = match change {
            None => Call::new("GET", url),
            Some(change) => Call::new("PUT", url).json(change),
        };
        Ok(self.signed("lambda", call)?.expect(200)?.body)
    }

    /// The variables of a function's environment.
    pub fn variables(&self, operation: &str) -> Outcome<Value> {
        let configuration = self.function_configuration(operation, None)?;
        Ok(configuration["Environment"]["Variables"].clone())
    }

    /// Gives a function other variables, which also ends its environments: the next request meets
    /// a cold one.
    pub fn set_variables(&self, operation: &str, variables: &Value) -> Outcome {
        let change = json!({ "Environment": { "Variables": variables } });
        self.function_configuration(operation, Some(&change))?;
        poll("the function to be ready", || {
            let state = self.function_configuration(operation, None)?["LastUpdateStatus"].clone();
            Ok((state != "InProgress").then_some(()))
        })?;
        self.release(operation)
    }

    /// The deployed name of an operation's function.
    #[must_use]
    pub fn function(&self, operation: &str) -> String {
        let table = self.outputs.get("TableName").map(String::as_str).unwrap_or_default();
        let stack = self
            .outputs
            .get("StackName")
            .map_or_else(|| table.split("-Table").next().unwrap_or_default(), String::as_str);
        format!("{stack}-{operation}")
    }

    /// Every item of the table, raw. All else waits while the local AWS reads it.
    pub fn items(&self) -> Outcome<Vec<Value>> {
        self.read_all("Scan", json!({ "TableName": self.output("TableName")? }))
    }

    /// Every item of a partition, raw, in order.
    pub fn partition(&self, pk: &str) -> Outcome<Vec<Value>> {
        self.partition_of(self.output("TableName")?, pk)
    }

    /// The same of another table.
    pub fn partition_of(&self, table: &str, pk: &str) -> Outcome<Vec<Value>> {
        let query = json!({ "TableName": table, "ConsistentRead": true,
            "KeyConditionExpression": "PK = :pk",
            "ExpressionAttributeValues": { ":pk": { "S": pk } } });
        self.read_all("Query", query)
    }

    fn read_all(&self, operation: &str, mut call: Value) -> Outcome<Vec<Value>> {
        let mut items = Vec::new();
        loop {
            let part = self.aws("dynamodb", &format!("DynamoDB_20120810.{operation}"), &call)?;
            items.extend(part["Items"].as_array().cloned().unwrap_or_default());
            if part["LastEvaluatedKey"].is_null() {
                return Ok(items);
            }
            call["ExclusiveStartKey"] = part["LastEvaluatedKey"].clone();
        }
    }

    /// The names of all objects under a prefix, old versions and delete markers included.
    pub fn objects(&self, prefix: &str) -> Outcome<Vec<String>> {
        let bucket = self.output("BucketName")?;
        let prefix = prefix.replace('/', "%2F");
        let url = format!("{}/{bucket}?prefix={prefix}&versions=", self.endpoint);
        let answer = self.signed("s3", Call::new("GET", url))?.expect(200)?;
        let xml = String::from_utf8_lossy(&answer.bytes).into_owned();
        let keys = xml.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
        Ok(keys.map(str::to_owned).collect())
    }

    /// Puts an object into the bucket, past every form.
    pub fn put_object(&self, key: &str, media_type: &str, content: &[u8]) -> Outcome {
        let url = format!("{}/{}/{key}", self.endpoint, self.output("BucketName")?);
        let call = Call::new("PUT", url).header("Content-Type", media_type).body(content.to_vec());
        self.signed("s3", call)?.expect(200).map(|_| ())
    }

    /// Deletes an object as a person would: older versions and a delete marker stay.
    pub fn delete_object(&self, key: &str) -> Outcome {
        let url = format!("{}/{}/{key}", self.endpoint, self.output("BucketName")?);
        self.signed("s3", Call::new("DELETE", url))?.expect(204).map(|_| ())
    }

    /// A call of S3 on the archive; `rest` is an object's name, a query, or both.
    pub fn archive(&self, method: &str, rest: &str, body: &[u8]) -> Outcome<Answer> {
        let url = format!("{}/{}/{rest}", self.endpoint, self.output("ArchiveName")?);
        self.signed("s3", Call::new(method, url).body(body.to_vec()))
    }

    /// The objects of the archive whose first entry is later than `since`: name and content.
    pub fn archived(&self, since: Timestamp) -> Outcome<Vec<(String, String)>> {
        // Names sort by time: the day, and an id that begins with the milliseconds of the epoch.
        let time = format!("{:012x}", since.as_millisecond());
        let (high, low) = time.split_at(8);
        let mut last = format!("{}/{high}-{low}", since.strftime("%Y/%m/%d"));
        let mut found = Vec::new();
        loop {
            let after = last.replace('/', "%2F");
            let list = self.archive("GET", &format!("?list-type=2&start-after={after}"), b"")?;
            let xml = String::from_utf8_lossy(&list.expect(200)?.bytes).into_owned();
            for name in xml.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()) {
                let object = self.archive("GET", name, b"")?.expect(200)?;
                found.push((name.to_owned(), String::from_utf8(object.bytes)?));
                name.clone_into(&mut last);
            }
            if !xml.contains("<IsTruncated>true</IsTruncated>") {
                return Ok(found);
            }
        }
    }

    /// Asks the local Textract for a fault; see `xtask/local/textract.py`.
    pub fn textract_fault(&self, fault: &Value) -> Outcome {
        let url = format!("{}/_control", self.textract_url);
        Call::new("POST", url).json(fault).expect(200).map(|_| ())
    }

    /// Makes a function's configuration of this moment the one that the API calls. Events call a
    /// function without an alias, so there is none to point.
    pub fn release(&self, operation: &str) -> Outcome {
        let function =
            format!("{}/2015-03-31/functions/{}", self.endpoint, self.function(operation));
        let publish = Call::new("POST", format!("{function}/versions")).json(&json!({}));
        let published = self.signed("lambda", publish)?.expect(201)?;
        let version = json!({ "FunctionVersion": published.body["Version"] });
        let point = Call::new("PUT", format!("{function}/aliases/live")).json(&version);
        let pointed = self.signed("lambda", point)?;
        if pointed.status == 404 { Ok(()) } else { pointed.expect(200).map(|_| ()) }
    }

    /// The log group that an operation writes to, with the others of its service.
    pub fn log_group(&self, operation: &str) -> Outcome<String> {
        let configuration = self.function_configuration(operation, None)?;
        let group = configuration["LoggingConfig"]["LogGroup"].as_str();
        group.map(str::to_owned).ok_or_else(|| Surprise(format!("{operation} logs nowhere")))
    }

    /// The lines of a log group that hold `text`, from `since` on (epoch milliseconds).
    pub fn logs(&self, group: &str, text: &str, since: i64) -> Outcome<Vec<Value>> {
        let mut lines = Vec::new();
        let mut next = Value::Null;
        loop {
            let mut filter = json!({ "logGroupName": group, "startTime": since });
            if !text.is_empty() {
                filter["filterPattern"] = json!(format!("\"{text}\""));
            }
            if !next.is_null() {
                filter["nextToken"] = next;
            }
            let found = self.aws("logs", "Logs_20140328.FilterLogEvents", &filter)?;
            let events = found["events"].as_array().cloned().unwrap_or_default();
            lines.extend(events.iter().map(|event| event["message"].clone()));
            next = found["nextToken"].clone();
            if next.is_null() {
                return Ok(lines);
            }
        }
    }

    /// The texts of the mail that was sent to an address.
    pub fn mail(&self, to: &str) -> Outcome<Vec<String>> {
        let url = format!("{}/_ministack/ses/messages", self.endpoint);
        let answer = Call::new("GET", url).expect(200)?.body;
        let boxes = answer["messages"].as_object().cloned().unwrap_or_default();
        let all = boxes.values().filter_map(Value::as_array).flatten();
        let mine = all.filter(|mail| mail["To"].to_string().contains(to));
        Ok(mine.filter_map(|mail| mail["BodyText"].as_str().map(str::to_owned)).collect())
    }
}
