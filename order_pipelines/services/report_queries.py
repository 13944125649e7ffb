"""The selects of the report, on marts only but for the state of a load and of an effect. They run on both engines.

Sums of counts are cast: DuckDB would otherwise make them 128 bits wide. Values are bound as ``$1`` ….
"""

LATEST_ORDERS = 50
LISTED_OFFERS = 20

# Movements are numbered apart from all other changes.
LOAD = """
select max(loaded_at) as loaded_at, max(done_seq) filter (where stream <> 'stock_movements') as load_number
from core.load_state
"""
REACH = """
select count(*) as orders, max(order_date) filter (where order_date <= $1) as last_order_date
from mart.orders
"""
QUARANTINE = """
select account, entity, reason_code, count(distinct entity_key) as things, max(age_hours) as oldest_hours
from mart.open_quarantine
group by account, entity, reason_code
order by things desc, account, entity, reason_code
"""
QUARANTINED_MONEY = """
with things as (
    select distinct entity, entity_key, currency_code, order_total_current_incl_vat from mart.open_quarantine
)
select
    currency_code,
    count(*) as things,
    count(*) filter (where order_total_current_incl_vat is null) as things_without_amount,
    sum(order_total_current_incl_vat) as amount_incl_vat
from things
group by currency_code
order by currency_code nulls last
"""
INVOICES = """
select
    invoices.account,
    invoices.books,
    invoices.currency_code,
    case when outbox.mode = 'observe' then 'observe' else invoices.state end as state,
    count(*) as entries,
    cast(sum(invoices.orders) as bigint) as orders,
    sum(invoices.amount_incl_vat) as amount_incl_vat,
    sum(invoices.amount_excl_vat) as amount_excl_vat,
    sum(invoices.vat_amount) as vat_amount
from mart.invoices
left join core.outbox on invoices.invoice_key = outbox.subject_key and outbox.kind = $3
where invoices.state <> 'booked' or invoices.invoice_date between $1 and $2
group by invoices.account, invoices.books, invoices.currency_code, 4
order by invoices.account, invoices.books, invoices.currency_code, 4
"""
WITHOUT_INVOICE = """
select
    account,
    currency_code,
    completed_at is not null as is_completed,
    count(*) as orders,
    sum(order_total_current_incl_vat) as amount_incl_vat,
    count(*) filter (where order_total_current_incl_vat is null) as orders_without_gross,
    min(order_date) as oldest
from mart.orders
where
    invoice_key is null and is_counted and not is_history and order_kind = 'sale'
    and coalesce(order_status, '') <> 'cancelled'
group by account, currency_code, completed_at is not null
order by account, currency_code
"""
_WAS_READ = (
    "is_confirmed and read_back_quantity is not null and coalesce(read_back_at >= confirmed_at, false)"
)
_AGREES = f"{_WAS_READ} and confirmed_quantity = desired_quantity and read_back_quantity = desired_quantity"
STOCK = f"""
select
    account,
    count(*) as offers,
    count(*) filter (where {_AGREES}) as agreeing,
    count(*) filter (where {_WAS_READ} and not ({_AGREES})) as differing,
    count(*) filter (where is_confirmed and not ({_WAS_READ})) as not_read_back,
    count(*) filter (where not is_confirmed) as unconfirmed,
    count(*) filter (where state = 'on_hold') as on_hold
from mart.stock_per_channel
group by account
order by account
"""
OFFERS = f"""
select
    account, offer_id, sku, name, state, desired_quantity, sent_quantity, confirmed_quantity, read_back_quantity
from mart.stock_per_channel
where not is_confirmed or ({_WAS_READ} and not ({_AGREES}))
order by account, sku, offer_id
limit {LISTED_OFFERS}
"""
ORDERS = f"""
select *
from mart.orders
where order_date between $1 and $2
order by ordered_at desc nulls last, order_key
limit {LATEST_ORDERS}
"""
