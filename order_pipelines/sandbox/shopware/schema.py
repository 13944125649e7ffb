"""The entities of a shop that the stand-in knows: which members they have and what they are associated with."""

from dataclasses import dataclass, field

LIVE_VERSION = "0fa91ce3e96a4bc2be4bd9ce752c3425"
"""The version that counts; every other one is somebody's draft."""


@dataclass(frozen=True)
class Association:
    """What another entity is to this one.

    ``kind``: ``one`` (``key`` here names it), ``owned`` (one that names this in ``key``), ``many`` (all that name this
    in ``key``), ``listed`` (all whose ids are in ``key`` here, which is not shown).
    """

    kind: str
    entity: str
    key: str

    @property
    def is_list(self) -> bool:
        """Whether it stands for any number of rows."""
        return self.kind in {"many", "listed"}


@dataclass(frozen=True)
class Entity:
    """One entity; ``fields`` are shown in this order, ``term_fields`` are what ``term`` looks into."""

    name: str
    fields: tuple[str, ...]
    associations: dict[str, Association] = field(default_factory=dict)
    term_fields: tuple[str, ...] = ()
    is_versioned: bool = False
    is_translated: bool = False

    @property
    def path(self) -> str:
        """The name in addresses."""
        return self.name.replace("_", "-")


def _one(entity: str, key: str) -> Association:
    return Association("one", entity, key)


def _many(entity: str, key: str) -> Association:
    return Association("many", entity, key)


def _fields(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_STAMPS = " customFields createdAt updatedAt"

_ALL = (
    Entity(
        "order",
        _fields(
            "id versionId autoIncrement orderNumber billingAddressId billingAddressVersionId currencyId languageId "
            "salesChannelId orderDateTime orderDate price amountTotal amountNet positionPrice taxStatus shippingCosts "
            "shippingTotal currencyFactor deepLinkCode affiliateCode campaignCode customerComment source stateId "
            "ruleIds createdById updatedById itemRounding totalRounding" + _STAMPS
        ),
        {
            "stateMachineState": _one("state_machine_state", "stateId"),
            "orderCustomer": Association("owned", "order_customer", "orderId"),
            "currency": _one("currency", "currencyId"),
            "language": _one("language", "languageId"),
            "salesChannel": _one("sales_channel", "salesChannelId"),
            "billingAddress": _one("order_address", "billingAddressId"),
            "addresses": _many("order_address", "orderId"),
            "deliveries": _many("order_delivery", "orderId"),
            "lineItems": _many("order_line_item", "orderId"),
            "transactions": _many("order_transaction", "orderId"),
            "documents": _many("document", "orderId"),
            "tags": Association("listed", "tag", "_tagIds"),
        },
        ("orderNumber", "customerComment"),
        is_versioned=True,
    ),
    Entity(
        "order_line_item",
        _fields(
            "id versionId orderId orderVersionId productId productVersionId promotionId parentId parentVersionId "
            "coverId identifier referencedId quantity label payload good removable stackable position "
            "price priceDefinition unitPrice totalPrice description type states" + _STAMPS
        ),
        {
            "order": _one("order", "orderId"),
            "product": _one("product", "productId"),
            "parent": _one("order_line_item", "parentId"),
            "children": _many("order_line_item", "parentId"),
            "orderDeliveryPositions": _many("order_delivery_position", "orderLineItemId"),
        },
        ("label",),
        is_versioned=True,
    ),
    Entity(
        "order_delivery",
        _fields(
            "id versionId orderId orderVersionId shippingOrderAddressId shippingOrderAddressVersionId shippingMethodId "
            "stateId trackingCodes shippingDateEarliest shippingDateLatest shippingCosts" + _STAMPS
        ),
        {
            "order": _one("order", "orderId"),
            "stateMachineState": _one("state_machine_state", "stateId"),
            "shippingOrderAddress": _one("order_address", "shippingOrderAddressId"),
            "shippingMethod": _one("shipping_method", "shippingMethodId"),
            "positions": _many("order_delivery_position", "orderDeliveryId"),
        },
        is_versioned=True,
    ),
    Entity(
        "order_delivery_position",
        _fields(
            "id versionId orderDeliveryId orderDeliveryVersionId orderLineItemId orderLineItemVersionId price "
            "unitPrice totalPrice quantity" + _STAMPS
        ),
        {
            "orderDelivery": _one("order_delivery", "orderDeliveryId"),
            "orderLineItem": _one("order_line_item", "orderLineItemId"),
        },
        is_versioned=True,
    ),
    Entity(
        "order_transaction",
        _fields(
            "id versionId orderId orderVersionId paymentMethodId amount validationData stateId" + _STAMPS
        ),
        {
            "order": _one("order", "orderId"),
            "stateMachineState": _one("state_machine_state", "stateId"),
            "paymentMethod": _one("payment_method", "paymentMethodId"),
        },
        is_versioned=True,
    ),
    Entity(
        "order_customer",
        _fields(
            "id versionId customerId orderId orderVersionId email salutationId firstName lastName company title vatIds "
            "customerNumber remoteAddress" + _STAMPS
        ),
        {"order": _one("order", "orderId"), "customer": _one("customer", "customerId")},
        is_versioned=True,
    ),
    Entity(
        "order_address",
        _fields(
            "id versionId countryId countryStateId orderId orderVersionId salutationId firstName lastName street "
            "zipcode city company department title phoneNumber additionalAddressLine1 additionalAddressLine2 vatId"
            + _STAMPS
        ),
        {"order": _one("order", "orderId"), "country": _one("country", "countryId")},
        is_versioned=True,
    ),
    Entity(
        "product",
        _fields(
            "id versionId parentId taxId price productNumber autoIncrement active available isCloseout stock "
            "availableStock ean manufacturerNumber purchaseSteps minPurchase maxPurchase shippingFree weight "
            "childCount optionIds name description states sales" + _STAMPS
        ),
        {
            "tax": _one("tax", "taxId"),
            "parent": _one("product", "parentId"),
            "children": _many("product", "parentId"),
            "orderLineItems": _many("order_line_item", "productId"),
        },
        ("name", "productNumber", "ean"),
        is_versioned=True,
        is_translated=True,
    ),
    Entity(
        "customer",
        _fields(
            "id groupId salesChannelId languageId defaultBillingAddressId defaultShippingAddressId autoIncrement "
            "customerNumber salutationId firstName lastName company email title vatIds accountType active guest "
            "orderCount" + _STAMPS
        ),
        {
            "salesChannel": _one("sales_channel", "salesChannelId"),
            "language": _one("language", "languageId"),
            "defaultBillingAddress": _one("customer_address", "defaultBillingAddressId"),
            "defaultShippingAddress": _one("customer_address", "defaultShippingAddressId"),
            "addresses": _many("customer_address", "customerId"),
            "orderCustomers": _many("order_customer", "customerId"),
        },
        ("firstName", "lastName", "email", "customerNumber", "company"),
    ),
    Entity(
        "customer_address",
        _fields(
            "id customerId countryId salutationId firstName lastName street zipcode city company department title "
            "phoneNumber additionalAddressLine1 additionalAddressLine2" + _STAMPS
        ),
        {"customer": _one("customer", "customerId"), "country": _one("country", "countryId")},
    ),
    Entity(
        "sales_channel",
        _fields(
            "id typeId languageId currencyId countryId accessKey name shortName active maintenance" + _STAMPS
        ),
        {"currency": _one("currency", "currencyId"), "language": _one("language", "languageId")},
        ("name",),
        is_translated=True,
    ),
    Entity(
        "currency",
        _fields(
            "id factor symbol isoCode shortName name position isSystemDefault itemRounding totalRounding"
            + _STAMPS
        ),
        is_translated=True,
    ),
    Entity("country", _fields("id name iso iso3 isEu position active" + _STAMPS), is_translated=True),
    Entity(
        "language",
        _fields("id parentId localeId translationCodeId name" + _STAMPS),
        {"locale": _one("locale", "localeId"), "translationCode": _one("locale", "translationCodeId")},
    ),
    Entity("locale", _fields("id code name territory" + _STAMPS), is_translated=True),
    Entity(
        "shipping_method",
        _fields("id name technicalName active position deliveryTimeId taxType trackingUrl" + _STAMPS),
        is_translated=True,
    ),
    Entity(
        "payment_method",
        _fields("id name distinguishableName technicalName active position afterOrderEnabled" + _STAMPS),
        is_translated=True,
    ),
    Entity("tax", _fields("id taxRate name position" + _STAMPS)),
    Entity("tag", _fields("id name createdAt updatedAt")),
    Entity("state_machine", _fields("id technicalName name" + _STAMPS), is_translated=True),
    Entity(
        "state_machine_state",
        _fields("id technicalName name stateMachineId" + _STAMPS),
        {"stateMachine": _one("state_machine", "stateMachineId")},
        is_translated=True,
    ),
    Entity(
        "document",
        _fields(
            "id documentTypeId referencedDocumentId orderId orderVersionId config sent static deepLinkCode "
            "documentNumber" + _STAMPS
        ),
        {
            "documentType": _one("document_type", "documentTypeId"),
            "order": _one("order", "orderId"),
        },
        ("documentNumber",),
    ),
    Entity("document_type", _fields("id name technicalName" + _STAMPS), is_translated=True),
)
ENTITIES = {entity.name: entity for entity in _ALL}
BY_PATH = {entity.path: entity for entity in _ALL}
