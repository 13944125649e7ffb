-- mart.open_quarantine: what waits for a person, why and for how long. One row per quarantine_key.
select
    quarantine.quarantine_key,
    quarantine.account,
    quarantine.entity,
    quarantine.entity_key,
    orders.order_number,
    quarantine.reason_code,
    quarantine.reason,
    quarantine.field,
    quarantine.line_id,
    orders.currency_code,
    quarantine.source_row,
    cast(
        floor(extract(epoch from load_state.loaded_at - quarantine.first_seen_at) / 3600) as bigint
    ) as age_hours,
    orders.order_total_current_incl_vat,
    quarantine.first_seen_at
from core.quarantine
inner join core.load_state on load_state.stream = 'quarantine'
left join core.orders on quarantine.entity_key = orders.order_key
where quarantine.resolved_at is null
