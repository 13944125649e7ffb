-- mart.invoices: sales entries with the number of their orders. One row per invoice_key; only core.touched_invoices.
with

parts as (
    select
        invoice_orders.invoice_key,
        count(*) as orders
    from core.touched_invoices
    inner join core.invoice_orders on touched_invoices.invoice_key = invoice_orders.invoice_key
    group by invoice_orders.invoice_key
)

select
    invoices.invoice_key,
    invoices.account,
    invoices.books,
    invoices.reference,
    invoices.grouping,
    invoices.currency_code,
    invoices.state,
    invoices.entry_id,
    invoices.entry_number,
    coalesce(parts.orders, 0) as orders,
    invoices.amount_incl_vat,
    invoices.amount_excl_vat,
    invoices.vat_amount,
    invoices.invoice_date,
    invoices.planned_at,
    invoices.booked_at
from core.touched_invoices
inner join core.invoices on touched_invoices.invoice_key = invoices.invoice_key
left join parts on invoices.invoice_key = parts.invoice_key
