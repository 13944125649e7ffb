-- mart.three_way_per_day: what channel, warehouse and books say of a day, and why they differ; the last 62 days read.
with

days as (
    select
        account,
        state,
        reason,
        books_state,
        books_reason,
        orders_not_read,
        read_at,
        order_date
    from core.day_readings
    where order_date > (select max(newest.order_date) - 62 from core.day_readings as newest)
),

channel_sums as (
    select
        readings.account,
        coalesce(readings.currency_code, '?') as currency_code,
        count(*) filter (where readings.is_counted) as orders,
        count(*) filter (
            where readings.is_counted and readings.order_total_current_incl_vat is null
        ) as orders_without_gross,
        cast(sum(readings.pieces) filter (where readings.is_counted) as bigint) as pieces,
        sum(readings.order_total_current_incl_vat) filter (where readings.is_counted) as amount,
        readings.order_date
    from core.order_readings as readings
    inner join days on readings.account = days.account and readings.order_date = days.order_date
    where readings.is_listed and days.state in ('read', 'counted')
    group by readings.account, readings.order_date, coalesce(readings.currency_code, '?')
),

warehouse_sums as (
    select
        revenue.account,
        coalesce(revenue.currency_code, '?') as currency_code,
        cast(sum(revenue.orders) as bigint) as orders,
        cast(sum(revenue.units) as bigint) as pieces,
        sum(revenue.gross_revenue_incl_vat) as amount,
        revenue.order_date
    from mart.revenue_per_channel_day as revenue
    inner join days on revenue.account = days.account and revenue.order_date = days.order_date
    group by revenue.account, revenue.order_date, coalesce(revenue.currency_code, '?')
),

books_sums as (
    select
        readings.account,
        invoices.currency_code,
        cast(sum(readings.entries) as bigint) as entries,
        case
            when count(*) filter (where readings.amount_incl_vat is null) = 0 then sum(readings.amount_incl_vat)
        end as amount,
        readings.entry_date as order_date
    from core.entry_readings as readings
    inner join core.invoices on readings.invoice_key = invoices.invoice_key
    inner join days on readings.account = days.account and readings.entry_date = days.order_date
    where readings.entries > 0 and days.books_state = 'read'
    group by readings.account, readings.entry_date, invoices.currency_code
),

sums as (
    select
        account,
        currency_code,
        string_agg(
            distinct case
                when
                    term in (
                        'missing', 'not_at_channel', 'missing_in_books', 'changed_in_books', 'booked_twice',
                        'unexplained'
                    )
                    then subject_key
            end,
            ' | '
        ) as suspects,
        coalesce(sum(amount_incl_vat) filter (where term = 'missing'), 0) as missing,
        coalesce(sum(amount_incl_vat) filter (where term = 'not_taken_in'), 0) as not_taken_in,
        coalesce(sum(amount_incl_vat) filter (where term = 'quarantined'), 0) as quarantined,
        coalesce(sum(amount_incl_vat) filter (where term = 'changed_between'), 0) as changed_between,
        coalesce(sum(amount_incl_vat) filter (where term = 'not_at_channel'), 0) as not_at_channel,
        coalesce(sum(amount_incl_vat) filter (where term = 'before_effective'), 0) as before_effective,
        coalesce(sum(amount_incl_vat) filter (where term = 'invoicing_off'), 0) as invoicing_off,
        coalesce(sum(amount_incl_vat) filter (where term = 'on_hold'), 0) as on_hold,
        coalesce(sum(amount_incl_vat) filter (where term = 'not_due'), 0) as not_due,
        coalesce(sum(amount_incl_vat) filter (where term = 'due_not_planned'), 0) as due_not_planned,
        coalesce(sum(amount_incl_vat) filter (where term = 'observed'), 0) as observed,
        coalesce(sum(amount_incl_vat) filter (where term = 'planned'), 0) as planned,
        coalesce(sum(amount_incl_vat) filter (where term = 'failed'), 0) as failed,
        coalesce(sum(amount_incl_vat) filter (where term = 'booked_after_reading'), 0) as booked_after_reading,
        coalesce(sum(amount_incl_vat) filter (where term = 'changed_after_booking'), 0) as changed_after_booking,
        coalesce(sum(amount_incl_vat) filter (where term = 'rounding'), 0) as rounding,
        coalesce(sum(amount_incl_vat) filter (where term = 'other_day'), 0) as other_day,
        coalesce(sum(amount_incl_vat) filter (where term = 'missing_in_books'), 0) as missing_in_books,
        coalesce(sum(amount_incl_vat) filter (where term = 'changed_in_books'), 0) as changed_in_books,
        coalesce(sum(amount_incl_vat) filter (where term = 'booked_twice'), 0) as booked_twice,
        order_date
    from mart.three_way_terms
    group by account, order_date, currency_code
),

named as (
    select
        account,
        currency_code,
        order_date
    from channel_sums
    union
    select
        account,
        currency_code,
        order_date
    from warehouse_sums
    union
    select
        account,
        currency_code,
        order_date
    from books_sums
    union
    select
        account,
        currency_code,
        order_date
    from sums
),

-- A day of which nothing is known has its row all the same: it says whether it was read.
sides as (
    select
        days.account,
        days.state,
        days.reason,
        days.books_state,
        days.books_reason,
        coalesce(named.currency_code, '?') as currency_code,
        days.orders_not_read,
        days.state in ('read', 'counted') as is_counted,
        days.state = 'read' as is_read,
        days.books_state = 'read' and coalesce(books_sums.entries, 0) = 0
        or books_sums.amount is not null as has_books,
        days.books_state = 'read' as has_entries,
        channel_sums.orders as channel_orders,
        channel_sums.orders_without_gross,
        channel_sums.pieces as channel_pieces,
        coalesce(channel_sums.amount, 0) as channel_amount,
        coalesce(warehouse_sums.orders, 0) as warehouse_orders,
        coalesce(warehouse_sums.pieces, 0) as warehouse_pieces,
        coalesce(warehouse_sums.amount, 0) as warehouse_amount,
        books_sums.entries,
        coalesce(books_sums.amount, 0) as books_amount,
        sums.suspects,
        sums.missing,
        sums.not_taken_in,
        sums.quarantined,
        sums.changed_between,
        sums.not_at_channel,
        sums.before_effective,
        sums.invoicing_off,
        sums.on_hold,
        sums.not_due,
        sums.due_not_planned,
        sums.observed,
        sums.planned,
        sums.failed,
        sums.booked_after_reading,
        sums.changed_after_booking,
        sums.rounding,
        sums.other_day,
        sums.missing_in_books,
        sums.changed_in_books,
        sums.booked_twice,
        days.read_at,
        days.order_date
    from days
    left join named on days.account = named.account and days.order_date = named.order_date
    left join channel_sums
        on
            named.account = channel_sums.account
            and named.order_date = channel_sums.order_date
            and named.currency_code = channel_sums.currency_code
    left join warehouse_sums
        on
            named.account = warehouse_sums.account
            and named.order_date = warehouse_sums.order_date
            and named.currency_code = warehouse_sums.currency_code
    left join books_sums
        on
            named.account = books_sums.account
            and named.order_date = books_sums.order_date
            and named.currency_code = books_sums.currency_code
    left join sums
        on
            named.account = sums.account
            and named.order_date = sums.order_date
            and named.currency_code = sums.currency_code
)

select
    account,
    state,
    reason,
    books_state,
    books_reason,
    currency_code,
    suspects,
    case when is_counted then coalesce(channel_orders, 0) end as channel_orders,
    case when is_counted then coalesce(orders_without_gross, 0) end as channel_orders_without_gross,
    orders_not_read,
    warehouse_orders,
    case when has_entries then coalesce(entries, 0) end as entries,
    case when is_counted then coalesce(channel_pieces, 0) end as channel_pieces,
    warehouse_pieces,
    case when is_read then cast(channel_amount as decimal(18, 2)) end as channel_incl_vat,
    cast(warehouse_amount as decimal(18, 2)) as warehouse_incl_vat,
    case when has_books then cast(books_amount as decimal(18, 2)) end as books_incl_vat,
    case when is_read then cast(channel_amount - warehouse_amount as decimal(18, 2)) end as channel_less_warehouse,
    case when is_read then cast(coalesce(missing, 0) as decimal(18, 2)) end as missing_incl_vat,
    case when is_read then cast(coalesce(not_taken_in, 0) as decimal(18, 2)) end as not_taken_in_incl_vat,
    case when is_read then cast(coalesce(quarantined, 0) as decimal(18, 2)) end as quarantined_incl_vat,
    case when is_read then cast(coalesce(changed_between, 0) as decimal(18, 2)) end as changed_between_incl_vat,
    case when is_read then cast(coalesce(not_at_channel, 0) as decimal(18, 2)) end as not_at_channel_incl_vat,
    case
        when is_read then cast(
                channel_amount - warehouse_amount
                - coalesce(missing, 0)
                - coalesce(not_taken_in, 0)
                - coalesce(quarantined, 0)
                - coalesce(changed_between, 0)
                - coalesce(not_at_channel, 0)
                as decimal(18, 2)
            )
    end as channel_unexplained,
    case when has_books then cast(warehouse_amount - books_amount as decimal(18, 2)) end as warehouse_less_books,
    case when has_books then cast(coalesce(before_effective, 0) as decimal(18, 2)) end as before_effective_incl_vat,
    case when has_books then cast(coalesce(invoicing_off, 0) as decimal(18, 2)) end as invoicing_off_incl_vat,
    case when has_books then cast(coalesce(on_hold, 0) as decimal(18, 2)) end as on_hold_incl_vat,
    case when has_books then cast(coalesce(not_due, 0) as decimal(18, 2)) end as not_due_incl_vat,
    case when has_books then cast(coalesce(due_not_planned, 0) as decimal(18, 2)) end as due_not_planned_incl_vat,
    case when has_books then cast(coalesce(observed, 0) as decimal(18, 2)) end as observed_incl_vat,
    case when has_books then cast(coalesce(planned, 0) as decimal(18, 2)) end as planned_incl_vat,
    case when has_books then cast(coalesce(failed, 0) as decimal(18, 2)) end as failed_incl_vat,
    case
        when has_books then cast(coalesce(booked_after_reading, 0) as decimal(18, 2))
    end as booked_after_reading_incl_vat,
    case
        when has_books then cast(coalesce(changed_after_booking, 0) as decimal(18, 2))
    end as changed_after_booking_incl_vat,
    case when has_books then cast(coalesce(rounding, 0) as decimal(18, 2)) end as rounding_incl_vat,
    case when has_books then cast(coalesce(other_day, 0) as decimal(18, 2)) end as other_day_incl_vat,
    case when has_books then cast(coalesce(missing_in_books, 0) as decimal(18, 2)) end as missing_in_books_incl_vat,
    case when has_books then cast(coalesce(changed_in_books, 0) as decimal(18, 2)) end as changed_in_books_incl_vat,
    case when has_books then cast(coalesce(booked_twice, 0) as decimal(18, 2)) end as booked_twice_incl_vat,
    case
        when has_books then cast(
                warehouse_amount - books_amount
                - coalesce(before_effective, 0)
                - coalesce(invoicing_off, 0)
                - coalesce(on_hold, 0)
                - coalesce(not_due, 0)
                - coalesce(due_not_planned, 0)
                - coalesce(observed, 0)
                - coalesce(planned, 0)
                - coalesce(failed, 0)
                - coalesce(booked_after_reading, 0)
                - coalesce(changed_after_booking, 0)
                - coalesce(rounding, 0)
                - coalesce(other_day, 0)
                - coalesce(missing_in_books, 0)
                - coalesce(changed_in_books, 0)
                - coalesce(booked_twice, 0)
                as decimal(18, 2)
            )
    end as books_unexplained,
    read_at,
    order_date
from sides
