-- mart.three_way_per_day: What names leave unexplained is what orders and entries leave unexplained.
with

left_over as (
    select
        account,
        order_date,
        currency_code,
        coalesce(sum(amount_incl_vat) filter (where comparison = 'channel_warehouse'), 0) as channel_amount,
        coalesce(sum(amount_incl_vat) filter (where comparison = 'warehouse_books'), 0) as books_amount
    from mart.three_way_terms
    where term = 'unexplained'
    group by account, order_date, currency_code
)

select
    three_way_per_day.account,
    three_way_per_day.order_date,
    three_way_per_day.currency_code,
    three_way_per_day.channel_unexplained,
    left_over.channel_amount,
    three_way_per_day.books_unexplained,
    left_over.books_amount
from mart.three_way_per_day
left join left_over
    on
        three_way_per_day.account = left_over.account
        and three_way_per_day.order_date = left_over.order_date
        and three_way_per_day.currency_code = left_over.currency_code
where
    three_way_per_day.channel_unexplained <> coalesce(left_over.channel_amount, 0)
    or three_way_per_day.books_unexplained <> coalesce(left_over.books_amount, 0)
