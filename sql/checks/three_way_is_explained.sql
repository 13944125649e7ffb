-- mart.three_way_per_day: Channel, warehouse and books differ by nothing that a person must explain or mend.
select
    account,
    order_date,
    currency_code,
    channel_unexplained,
    missing_incl_vat,
    not_at_channel_incl_vat,
    books_unexplained,
    missing_in_books_incl_vat,
    changed_in_books_incl_vat,
    booked_twice_incl_vat,
    suspects
from mart.three_way_per_day
where
    suspects is not null
    or coalesce(channel_unexplained, 0) <> 0
    or coalesce(books_unexplained, 0) <> 0
