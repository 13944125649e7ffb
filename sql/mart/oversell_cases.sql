-- mart.oversell_cases: pieces sold that were not there. One row per line of an order.
select
    oversell_cases.case_key,
    oversell_cases.account,
    oversell_cases.order_key,
    oversell_cases.line_id,
    oversell_cases.sku,
    products.name,
    oversell_cases.cause,
    oversell_cases.explanation,
    oversell_cases.quantity,
    oversell_cases.late_seconds,
    cast(ceil(cast(oversell_cases.late_seconds as double precision) / 60) as bigint) as late_minutes,
    oversell_cases.is_avoidable,
    oversell_cases.accepted_at,
    oversell_cases.known_at,
    oversell_cases.opened_at
from core.oversell_cases
left join core.products on oversell_cases.sku = products.sku
where oversell_cases.quantity > 0
