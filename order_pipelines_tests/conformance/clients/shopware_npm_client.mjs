// The work of Shopware's own @shopware/api-client at a shop: log in, search, ship, write stock.
// Its first argument is the folder node_modules; what it is given comes on the standard input.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const given = JSON.parse(readFileSync(0, "utf-8"));
const require = createRequire(`${process.argv[2]}/`);
const { createAdminAPIClient, ApiClientError } = await import(
  pathToFileURL(require.resolve("@shopware/api-client")).href
);

const refusal = async (call) => {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof ApiClientError)) throw error;
    return `${error.name} ${error.status} ${error.details.errors[0].code}`;
  }
  return "was not refused";
};

const client = createAdminAPIClient({
  baseURL: `${given.row.base_url}/api`,
  credentials: { grant_type: "client_credentials", ...given.row.credentials },
});
const got = {};
const body = {
  limit: 1,
  "total-count-mode": "exact",
  sort: [{ field: "orderNumber", order: "ASC" }],
  associations: { deliveries: {}, lineItems: { associations: { product: {} } } },
};
const found = await client.invoke("searchOrder post /search/order", { body });
const order = found.data.data[0];
got.found = [found.status, found.data.total, order.orderNumber, order.lineItems[0].product.productNumber];
got.session = client.getSessionData().refreshToken;
const one = await client.invoke("getOrder get /order/{id}", { pathParams: { id: order.id } });
got.one = one.data.data.orderNumber;
got["no such order"] = await refusal(() =>
  client.invoke("getOrder get /order/{id}", { pathParams: { id: "0".repeat(32) } }),
);
const patched = await client.invoke("updateOrderDelivery patch /order-delivery/{id}", {
  pathParams: { id: order.deliveries[0].id },
  body: { trackingCodes: ["3SNODE"] },
});
const moved = await client.invoke(
  "orderDeliveryStateTransition post /_action/order_delivery/{orderDeliveryId}/state/{transition}",
  { pathParams: { orderDeliveryId: order.deliveries[0].id, transition: "ship" }, body: { sendMail: false } },
);
got.shipped = [patched.status, moved.data.technicalName];
const rows = [{ id: order.lineItems[0].productId, stock: 12 }];
const written = await client.invoke("sync post /_action/sync", {
  body: [{ entity: "product", action: "upsert", payload: rows }],
});
got.written = [written.status, written.data.data.product.length];
got["not written"] = await refusal(() =>
  client.invoke("sync post /_action/sync", {
    body: [{ entity: "product", action: "upsert", payload: [{ ...rows[0], stock: "many" }] }],
  }),
);
process.stdout.write(JSON.stringify(got));
