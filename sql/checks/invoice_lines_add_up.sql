-- core.invoice_lines: The lines of a sales entry, and its orders, add up to its total and its VAT.
with

parts as (
    select
        invoice_key,
        'lines' as of_what,
        sum(amount_excl_vat + vat_amount) as amount_incl_vat,
        sum(vat_amount) as vat_amount
    from core.invoice_lines
    group by invoice_key
    union all
    select
        invoice_key,
        'orders' as of_what,
        sum(amount_incl_vat) as amount_incl_vat,
        sum(vat_amount) as vat_amount
    from core.invoice_orders
    group by invoice_key
),

kinds as (
    select 'lines' as of_what
    union all
    select 'orders' as of_what
)

select
    invoices.invoice_key,
    kinds.of_what,
    invoices.amount_incl_vat,
    parts.amount_incl_vat as parts_incl_vat,
    invoices.vat_amount,
    parts.vat_amount as parts_vat_amount
from core.invoices
cross join kinds
left join parts on invoices.invoice_key = parts.invoice_key and kinds.of_what = parts.of_what
where
    coalesce(parts.amount_incl_vat, 0) <> invoices.amount_incl_vat
    or coalesce(parts.vat_amount, 0) <> invoices.vat_amount
    or invoices.amount_excl_vat + invoices.vat_amount <> invoices.amount_incl_vat
