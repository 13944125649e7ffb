-- mart.open_returns: what may still come back, and what of the others has a remark. One row per line of a return.
select
    channel_return_lines.return_key,
    channel_return_lines.return_line_id,
    channel_returns.account,
    channel_return_lines.order_key,
    coalesce(orders.order_number, channel_return_lines.external_order_id) as order_number,
    channel_return_lines.line_id,
    channel_return_lines.sku,
    channel_return_lines.state,
    channel_return_lines.reason_code,
    channel_return_lines.reason_label,
    channel_return_lines.remarks,
    channel_return_lines.quantity,
    cast(
        floor(extract(epoch from load_state.loaded_at - channel_returns.registered_at) / 86400) as bigint
    ) as age_days,
    channel_return_lines.own_fulfilment,
    channel_returns.registered_at
from core.channel_return_lines
inner join core.channel_returns on channel_return_lines.return_key = channel_returns.return_key
inner join core.load_state on load_state.stream = 'channel_returns'
left join core.orders on channel_return_lines.order_key = orders.order_key
where
    channel_return_lines.state in ('announced', 'accepted', 'unknown')
    or channel_return_lines.remarks <> '[]'
