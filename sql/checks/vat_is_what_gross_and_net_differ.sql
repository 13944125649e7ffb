-- core.orders: The VAT of an order is what its totals with and without VAT differ, where all three are known.
select
    order_key,
    order_total_current_incl_vat,
    order_total_current_excl_vat,
    order_vat_amount
from core.orders
where order_total_current_incl_vat - order_total_current_excl_vat <> order_vat_amount
