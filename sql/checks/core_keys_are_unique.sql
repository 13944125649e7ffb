-- core.orders: The key of every core table names one row.
select
    'core.audit_log' as table_name,
    cast(audit_seq as text) as row_key
from core.audit_log
group by audit_seq
having count(*) > 1
union all
select
    'core.channel_stock' as table_name,
    account || ' ' || offer_id as row_key
from core.channel_stock
group by account, offer_id
having count(*) > 1
union all
select
    'core.channel_stock_events' as table_name,
    cast(event_seq as text) as row_key
from core.channel_stock_events
group by event_seq
having count(*) > 1
union all
select
    'core.invoice_holds' as table_name,
    order_key as row_key
from core.invoice_holds
group by order_key
having count(*) > 1
union all
select
    'core.invoice_lines' as table_name,
    invoice_key || ' ' || cast(line_number as text) as row_key
from core.invoice_lines
group by invoice_key, line_number
having count(*) > 1
union all
select
    'core.invoice_orders' as table_name,
    order_key as row_key
from core.invoice_orders
group by order_key
having count(*) > 1
union all
select
    'core.invoices' as table_name,
    invoice_key as row_key
from core.invoices
group by invoice_key
having count(*) > 1
union all
select
    'core.order_lines' as table_name,
    order_key || ' ' || line_id as row_key
from core.order_lines
group by order_key, line_id
having count(*) > 1
union all
select
    'core.order_versions' as table_name,
    order_key || ' ' || cast(change_seq as text) as row_key
from core.order_versions
group by order_key, change_seq
having count(*) > 1
union all
select
    'core.orders' as table_name,
    order_key as row_key
from core.orders
group by order_key
having count(*) > 1
union all
select
    'core.outbox' as table_name,
    effect_key as row_key
from core.outbox
group by effect_key
having count(*) > 1
union all
select
    'core.oversell_cases' as table_name,
    case_key as row_key
from core.oversell_cases
group by case_key
having count(*) > 1
union all
select
    'core.products' as table_name,
    sku as row_key
from core.products
group by sku
having count(*) > 1
union all
select
    'core.quarantine' as table_name,
    quarantine_key as row_key
from core.quarantine
group by quarantine_key
having count(*) > 1
union all
select
    'core.stock_locations' as table_name,
    account || ' ' || location as row_key
from core.stock_locations
group by account, location
having count(*) > 1
union all
select
    'core.stock_movements' as table_name,
    cast(movement_seq as text) as row_key
from core.stock_movements
group by movement_seq
having count(*) > 1
union all
select
    'core.stock_positions' as table_name,
    sku || ' ' || location as row_key
from core.stock_positions
group by sku, location
having count(*) > 1
union all
select
    'core.day_readings' as table_name,
    account || ' ' || cast(order_date as text) as row_key
from core.day_readings
group by account, order_date
having count(*) > 1
union all
select
    'core.order_readings' as table_name,
    order_key as row_key
from core.order_readings
group by order_key
having count(*) > 1
union all
select
    'core.entry_readings' as table_name,
    invoice_key as row_key
from core.entry_readings
group by invoice_key
having count(*) > 1
union all
select
    'core.channel_returns' as table_name,
    return_key as row_key
from core.channel_returns
group by return_key
having count(*) > 1
union all
select
    'core.channel_return_lines' as table_name,
    return_key || ' ' || return_line_id as row_key
from core.channel_return_lines
group by return_key, return_line_id
having count(*) > 1
