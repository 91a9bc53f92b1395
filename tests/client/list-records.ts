// Signs in and prints the titles of the patient's records, one a line: the smallest app there is.
// Types come from docs/openapi.json (`npm run types`); what they do not allow does not compile.
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

const api = createClient<paths>({ baseUrl: setting("MEDIVAULT_API") });

const session = await api.POST("/v1/sessions", {
  body: { email: setting("MEDIVAULT_EMAIL"), password: setting("MEDIVAULT_PASSWORD") },
});
if (session.error) throw new Error(`sign-in: ${session.error.code}: ${session.error.detail}`);
if (session.data.status !== "signed-in") throw new Error(`sign-in asks for ${session.data.challenge}`);

const headers = { Authorization: `Bearer ${session.data.accessToken}` };
const me = await api.GET("/v1/me", { headers });
if (me.error) throw new Error(`profile: ${me.error.code}`);

const records = await api.GET("/v1/patients/{patientId}/records", {
  headers,
  params: { path: { patientId: me.data.id }, query: { limit: 10 } },
});
if (records.error) throw new Error(`records: ${records.error.code}`);
for (const record of records.data.items) {
  console.log(`${record.date} ${record.type} ${record.title}`);
}
