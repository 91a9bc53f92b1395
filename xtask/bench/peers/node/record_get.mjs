// record_get once more, in Node.js with the AWS SDK v3: the same reads, decision, key, seal and
// writes as functions/records, and the same Runtime API loop without Lambda's own runtime around.
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent, get as httpsGet } from "node:https";
import { createDecipheriv, createHash, randomBytes } from "node:crypto";
import {
  DynamoDBClient, TransactGetItemsCommand, TransactWriteItemsCommand,
} from "@aws-sdk/client-dynamodb";
import { DecryptCommand, KMSClient } from "@aws-sdk/client-kms";

const TABLE = process.env.TABLE_NAME;
const agent = new Agent({ keepAlive: true });
const settings = {
  region: process.env.AWS_REGION,
  credentials: {
    accessKeyId: process.env.AWS_ACCESS_KEY_ID,
    secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY,
    sessionToken: process.env.AWS_SESSION_TOKEN,
  },
  requestHandler: { httpsAgent: agent },
};
const dynamo = new DynamoDBClient(settings);
const kms = new KMSClient(settings);
const dataKeys = new Map();

async function dataKey(owner, wrapped) {
  const name = owner + createHash("sha256").update(wrapped).digest("hex");
  const kept = dataKeys.get(name);
  if (kept && Date.now() - kept.since < 300_000) return kept.key;
  const { Plaintext } = await kms.send(new DecryptCommand({
    KeyId: process.env.KEY_ARN, CiphertextBlob: wrapped, EncryptionContext: { owner },
  }));
  dataKeys.set(name, { key: Plaintext, since: Date.now() });
  return Plaintext;
}

function open(key, item) {
  const sealed = Buffer.from(item.sealed.B);
  const tag = sealed.subarray(sealed.length - 16);
  const cipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, 12));
  cipher.setAAD(Buffer.from(`${item.PK.S}\n${item.SK.S}\nsealed`)).setAuthTag(tag);
  const body = sealed.subarray(12, sealed.length - 16);
  return JSON.parse(Buffer.concat([cipher.update(body), cipher.final()]));
}

function uuid7() {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)]
    .join("-");
}

const get = (PK, SK) => ({ Get: { TableName: TABLE, Key: { PK: { S: PK }, SK: { S: SK } } } });
const check = (item, condition, names, values) => ({ ConditionCheck: {
  TableName: TABLE, Key: { PK: item.PK, SK: item.SK }, ConditionExpression: condition,
  ExpressionAttributeNames: names, ExpressionAttributeValues: values,
} });

function permitted(live, standing, vault, content, now) {
  const types = live.terms.M.types.L.map((type) => type.S);
  const actions = live.terms.M.actions.L.map((action) => action.S);
  return vault.status.S === "active" && standing.standing.S === "active"
    && Date.parse(live.not_before.S) <= now && now < Date.parse(live.ends_at.S)
    && actions.includes("read") && types.includes(content.kind);
}

function view(id, record, content) {
  const file = content.file && {
    name: content.file.name, contentType: content.file.media_type, size: content.file.size,
    sha256: content.file.sha256,
  };
  return {
    id, status: record.status.S, version: Number(record.version.N), type: content.kind,
    date: content.date, title: content.title, notes: content.notes, file,
    createdAt: record.created_at.S, updatedAt: record.updated_at.S,
    text: { status: record.text_status?.S, pages: Number(record.pages?.N) },
  };
}

async function handle(event) {
  const { patientId, recordId } = event.pathParameters;
  const { person, hospital, mfa, role } = event.requestContext.authorizer.claims;
  if (role !== "doctor" || mfa !== "true") return { statusCode: 404, body: "{}" };
  const owner = `PATIENT#${patientId}`;
  const found = await dynamo.send(new TransactGetItemsCommand({ TransactItems: [
    get(owner, "VAULT"), get(owner, `RECORD#${recordId}`), get(owner, `LIVE#${person}`),
    get(`HOSPITAL#${hospital}`, `DOCTOR#${person}`),
  ] }));
  const [vault, record, live, standing] = found.Responses.map((one) => one.Item);
  if (!vault || !record || !live || !standing) return { statusCode: 404, body: "{}" };
  const content = open(await dataKey(owner, vault.wrapped.B), record);
  const now = new Date();
  if (!permitted(live, standing, vault, content, now.getTime())) {
    return { statusCode: 404, body: "{}" };
  }
  const body = JSON.stringify(view(recordId, record, content));
  const id = uuid7();
  const active = { ":active": { S: "active" } };
  await dynamo.send(new TransactWriteItemsCommand({ TransactItems: [
    check(vault, "#s = :active", { "#s": "status" }, active),
    check(live, "#i = :id AND #e > :now", { "#i": "id", "#e": "expires_at" },
      { ":id": live.id, ":now": { N: String(Math.floor(now / 1000)) } }),
    check(standing, "#s = :active", { "#s": "standing" }, active),
    { Put: { TableName: TABLE, ConditionExpression: "attribute_not_exists(PK)", Item: {
      PK: { S: `AUDIT#${owner}#${now.toISOString().slice(0, 7)}` }, SK: { S: id }, id: { S: id },
      at: { S: now.toISOString() }, action: { S: "record_get" }, outcome: { S: "done" },
      reason: { S: "granted" }, record: { S: recordId }, purpose: live.terms.M.purpose,
      actor: { M: { role: { S: "doctor" }, id: { S: person }, hospital: { S: hospital } } },
    } } },
  ] }));
  const headers = {
    "Content-Type": "application/json", "Cache-Control": "no-store", ETag: `"${record.version.N}"`,
  };
  return { statusCode: 200, headers, body };
}

const runtime = new HttpAgent({ keepAlive: true });
function call(method, path, body) {
  const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) };
    const options = { host, port, method, path, headers, agent: runtime };
    const request = httpRequest(options, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => resolve({ headers: answer.headers, body: Buffer.concat(parts) }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

// Opens the connections before the first event, as ours does.
const endpoint = (service) => process.env[`AWS_ENDPOINT_URL_${service}`]
  ?? `https://${service.toLowerCase()}.${settings.region}.amazonaws.com`;
const greet = (service) => new Promise((resolve) => {
  const request = httpsGet(endpoint(service), { agent }, (answer) => {
    answer.resume().on("end", resolve);
  });
  request.on("error", resolve);
});
await Promise.all(["DYNAMODB", "KMS"].map(greet));

const ROOT = "/2018-06-01/runtime/invocation";
for (;;) {
  const next = await call("GET", `${ROOT}/next`);
  const id = next.headers["lambda-runtime-aws-request-id"];
  try {
    await call("POST", `${ROOT}/${id}/response`, JSON.stringify(await handle(JSON.parse(next.body))));
  } catch (error) {
    await call("POST", `${ROOT}/${id}/error`, JSON.stringify({ errorMessage: String(error) }));
  }
}
