"""The resources that answer: their properties, which of them may be written, which are links.

Names and types are those of the vendor's public reference (snapshots of 2022-06-02 and 2025-12-19); the type names in
``__metadata`` are those of recordings of June 2026 where one exists.
"""

from order_pipelines.sandbox.exact_online.edm import EntityType, fields

ME = EntityType(
    "current/Me",
    "Exact.Web.Api.Models.System.Me",
    "UserID",
    fields(
        Boolean_ro=(
            "IsClientUser IsEmployeeSelfServiceUser IsMyFirmLiteUser IsMyFirmPortalUser "
            "IsOEIMigrationMandatory IsStarterUser"
        ),
        Double_ro="ServerUtcOffset",
        Guid_ro="DivisionCustomer EmployeeID UserID",
        Int64_ro="Legislation",
        Int_ro="AccountingDivision CurrentDivision DossierDivision",
        String_ro=(
            "CustomerCode DivisionCustomerCode DivisionCustomerName DivisionCustomerSiretNumber "
            "DivisionCustomerVatNumber Email FirstName FullName Gender Initials Language LanguageCode "
            "LastName MiddleName Mobile Nationality PackageCode Phone PhoneExtension PictureUrl "
            "ServerTime ThumbnailPicture ThumbnailPictureFormat Title UserName"
        ),
    ),
)

SYSTEM_DIVISION = EntityType(
    "system/Divisions",
    "Exact.Web.Api.Models.System.Division",
    "Code",
    fields(
        Boolean_ro="Current IsDossierDivision IsHRDivision IsMainDivision IsPracticeDivision",
        DateTime_ro="ArchiveDate Created DivisionHRLinkUnlinkDate DivisionMoveDate Modified StartDate",
        Double_ro="ShareCapital",
        Guid_ro="Creator Customer Modifier",
        Int64_ro="Hid",
        Int_ro="BlockingStatus Code Status",
        String_ro=(
            "AddressLine1 AddressLine2 AddressLine3 BusinessTypeCode BusinessTypeDescription "
            "ChamberOfCommerceEstablishment ChamberOfCommerceNumber City Class_01 Class_02 Class_03 "
            "Class_04 Class_05 CompanySizeCode CompanySizeDescription Country CreatorFullName "
            "Currency CustomerCode CustomerName DatevAccountantNumber DatevClientNumber Description "
            "Email Fax Legislation ModifierFullName OBNumber Phone Postcode SbiCode SbiDescription "
            "SectorCode SectorDescription SiretNumber State SubsectorCode SubsectorDescription "
            "TaxOfficeNumber TaxReferenceNumber TemplateCode VATNumber Website"
        ),
    ),
)

HRM_DIVISION = EntityType(
    "hrm/Divisions",
    "Exact.Web.Api.Models.Division",
    "Code",
    fields(
        Boolean_ro="Main",
        DateTime_ro="ArchiveDate Created Modified StartDate",
        Guid_ro="Creator Customer Modifier",
        Int_ro="BlockingStatus Code HID Status",
        String_ro=(
            "Class_01 Class_02 Class_03 Class_04 Class_05 Country CountryDescription CreatorFullName "
            "Currency CurrencyDescription CustomerCode CustomerName Description ModifierFullName OBNumber "
            "SiretNumber TaxOfficeNumber TaxReferenceNumber TemplateCode VATNumber Website"
        ),
    ),
)

JOURNAL = EntityType(
    "financial/Journals",
    "Exact.Web.Api.Models.Journal",
    "ID",
    fields(
        Boolean="AllowVAT AllowVariableCurrency AllowVariableExchangeRate AutoSave IsBlocked",
        Boolean_ro="BankAccountUseSEPA BankAccountUseSepaDirectDebit",
        DateTime_ro="Created Modified",
        Guid="Bank BankAccountID GLAccount ID PaymentInTransitAccount",
        Guid_ro="Creator Modifier",
        Int="PaymentServiceProvider Type",
        Int_ro="Division GLAccountType",
        String="BankAccountIncludingMask Code Currency Description PaymentServiceAccountIdentifier",
        String_ro=(
            "BankAccountBICCode BankAccountCountry BankAccountDescription BankAccountIBAN BankName "
            "CreatorFullName CurrencyDescription CustomField GLAccountCode GLAccountDescription "
            "ModifierFullName PaymentServiceProviderName"
        ),
    ),
)

GL_ACCOUNT = EntityType(
    "financial/GLAccounts",
    "Exact.Web.Api.Models.GLAccount",
    "ID",
    fields(
        Boolean="Compress IsBlocked Matching RevalueCurrency",
        DateTime_ro="Created Modified",
        Double="ExpenseNonDeductiblePercentage PrivatePercentage VATNonDeductiblePercentage",
        Guid=(
            "ID PrivateGLAccount VATNonDeductibleGLAccount YearEndCostGLAccount YearEndReflectionGLAccount"
        ),
        Guid_ro="Creator Modifier",
        Int=(
            "AssimilatedVATBox BelcotaxType DescriptionTermID ExcludeVATListing Type UseCostcenter "
            "UseCostunit"
        ),
        Int_ro="AllowCostsInSales Division",
        Many="DeductibilityPercentages",
        String=(
            "BalanceSide BalanceType Code Costcenter Costunit Description ReportingCode SearchCode "
            "VATCode VATGLAccountType VATSystem"
        ),
        String_ro=(
            "CostcenterDescription CostunitDescription CreatorFullName CustomField ModifierFullName "
            "TypeDescription VATDescription"
        ),
    ),
)

VAT_CODE = EntityType(
    "vat/VATCodes",
    "Exact.Web.Api.Models.VATCode",
    "ID",
    fields(
        Boolean="Charged IntraStat IsBlocked",
        DateTime_ro="Created Modified",
        Double_ro="Percentage",
        Guid="Account GLDiscountPurchase GLDiscountSales GLToClaim GLToPay ID",
        Guid_ro="Creator Modifier",
        Int="CalculationBasis ExcludeVATListing TaxReturnType VATPartialRatio VatMargin",
        Int_ro="Division",
        Many="VATPercentages",
        String=(
            "Code Description EUSalesListing IntrastatType LegalText OssCountry Type "
            "VATTransactionType VatDocType"
        ),
        String_ro=(
            "AccountCode AccountName Country CreatorFullName CustomField GLDiscountPurchaseCode "
            "GLDiscountPurchaseDescription GLDiscountSalesCode GLDiscountSalesDescription "
            "GLToClaimCode GLToClaimDescription GLToPayCode GLToPayDescription ModifierFullName"
        ),
    ),
)

PAYMENT_CONDITION = EntityType(
    "cashflow/PaymentConditions",
    "Exact.Web.Api.Models.Cashflow.PaymentCondition",
    "ID",
    fields(
        DateTime_ro="Created Modified",
        Double="DiscountPercentage Percentage",
        Guid="CreditManagementScenario ID",
        Guid_ro="Creator Modifier",
        Int="DiscountPaymentDays PaymentDays PaymentEndOfMonths",
        Int_ro="Division",
        String="Code Description DiscountCalculation PaymentDiscountType PaymentMethod VATCalculation",
        String_ro=(
            "CreatorFullName CreditManagementScenarioCode CreditManagementScenarioDescription "
            "ModifierFullName"
        ),
    ),
)

ACCOUNT = EntityType(
    "crm/Accounts",
    "Exact.Web.Api.Models.Account",
    "ID",
    fields(
        Boolean=(
            "Blocked CanDropShip HasWithholdingTaxSales IgnoreDatevWarningMessage IsExtraDuty IsPilot "
            "IsReseller IsSupplier RecepientOfCommissions ShowRemarkForSales"
        ),
        Boolean_ro="EnableSalesPaymentLink IsBank IsMember IsPurchase IsSales",
        DateTime="ControlledDate EndDate EstablishedDate StartDate",
        DateTime_ro="Created CustomerSince Modified StatusSince",
        Double="CreditLinePurchase CreditLineSales DiscountPurchase DiscountSales Latitude Longitude",
        Guid=(
            "AccountManager Accountant ActivitySector ActivitySubSector BusinessType Classification1 "
            "Classification2 Classification3 Classification4 Classification5 Classification6 "
            "Classification7 Classification8 CompanySize GLAP GLAR GLAccountPurchase GLAccountSales "
            "ID InvoiceAccount LeadPurpose LeadSource MainContact Parent PriceList Reseller "
            "SalesTaxSchedule ShippingMethod"
        ),
        Guid_ro="BRIN Creator Document Modifier",
        Int=(
            "ConsolidationScenario DeliveryAdvice IncotermVersionPurchase IncotermVersionSales "
            "InvoiceAttachmentType InvoicingMethod IsAccountant IsAgency IsCompetitor IsMailing "
            "PurchaseLeadDays SecurityLevel SeparateInvPerProject SeparateInvPerSubscription "
            "ShippingLeadDays"
        ),
        Int_ro=(
            "AccountManagerHID AutomaticProcessProposedEntry CostPaid Division IsAnonymised "
            "PeppolIdentifierType"
        ),
        Many="BankAccounts",
        String=(
            "AddressLine1 AddressLine2 AddressLine3 BSN ChamberOfCommerce City Code CodeAtSupplier "
            "Country DatevCreditorCode DatevDebtorCode Email Fax GlnNumber IncotermAddressPurchase "
            "IncotermAddressSales IncotermCodePurchase IncotermCodeSales IntraStatArea "
            "IntraStatDeliveryTerm IntraStatSystem IntraStatTransactionA IntraStatTransactionB "
            "IntraStatTransportMethod Language Logo LogoFileName Name OINNumber PayAsYouEarn "
            "PaymentConditionPurchase PaymentConditionSales Phone PhoneExtension Postcode "
            "PurchaseCurrency PurchaseVATCode RSIN Remarks SalesCurrency SalesVATCode SearchCode "
            "State Status TradeName UniqueTaxpayerReference VATLiability VATNumber Website"
        ),
        String_ro=(
            "AccountManagerFullName Classification ClassificationDescription Costcenter "
            "CostcenterDescription CountryName CreatorFullName Currency CustomField DunsNumber "
            "EORINumber InvoiceAccountCode InvoiceAccountName LanguageDescription LogoThumbnailUrl "
            "LogoUrl ModifierFullName PaymentConditionPurchaseDescription "
            "PaymentConditionSalesDescription PeppolIdentifier PurchaseCurrencyDescription "
            "PurchaseVATCodeDescription ResellerCode ResellerName SalesCurrencyDescription "
            "SalesTaxScheduleCode SalesTaxScheduleDescription SalesVATCodeDescription StateName Type"
        ),
    ),
)

SALES_ENTRY = EntityType(
    "salesentry/SalesEntries",
    "Exact.Web.Api.Models.SalesEntry",
    "EntryID",
    fields(
        Boolean="IsExtraDuty Reversal",
        DateTime="DueDate EntryDate",
        DateTime_ro="Created Modified",
        Double=(
            "GAccountAmountFC Rate VATAmountFC WithholdingTaxAmountDC WithholdingTaxBaseAmount "
            "WithholdingTaxPercentage"
        ),
        Double_ro="AmountDC AmountFC VATAmountDC",
        Guid="Customer Document EntryID",
        Guid_ro="Creator Modifier",
        Int=("BatchNumber EntryNumber InvoiceNumber OrderNumber ProcessNumber ReportingPeriod ReportingYear"),
        Int_ro="Division DocumentNumber Status Type",
        Many="SalesEntryLines",
        String=(
            "Currency Description ExternalLinkReference Journal PaymentCondition PaymentReference YourRef"
        ),
        String_ro=(
            "CreatorFullName CustomField CustomerName DocumentSubject ExternalLinkDescription "
            "JournalDescription ModifierFullName PaymentConditionDescription "
            "PaymentConditionPaymentMethod StatusDescription TypeDescription"
        ),
    ),
)

SALES_ENTRY_LINE = EntityType(
    "salesentry/SalesEntryLines",
    "Exact.Web.Api.Models.SalesEntryLine",
    "ID",
    fields(
        DateTime="From To",
        Double=(
            "AmountFC ExtraDutyAmountFC ExtraDutyPercentage Quantity StatisticalNetWeight "
            "StatisticalQuantity StatisticalValue VATAmountFC VATBaseAmountDC VATBaseAmountFC "
            "VATPercentage"
        ),
        Double_ro="AmountDC VATAmountDC",
        Guid="Asset EntryID GLAccount ID Project Subscription TaxSchedule TrackingNumber",
        Int_ro="Division LineNumber Type",
        String=(
            "CostCenter CostUnit Description IntraStatArea IntraStatCountry IntraStatDeliveryTerm "
            "IntraStatTransactionA IntraStatTransactionB IntraStatTransportMethod Notes SerialNumber "
            "StatisticalNumber VATCode"
        ),
        String_ro=(
            "AssetDescription CostCenterDescription CostUnitDescription CustomField GLAccountCode "
            "GLAccountDescription ProjectDescription SubscriptionDescription "
            "TrackingNumberDescription VATCodeDescription"
        ),
    ),
)

RESOURCES: dict[str, EntityType] = {
    entity.path: entity
    for entity in (
        ME,
        SYSTEM_DIVISION,
        HRM_DIVISION,
        JOURNAL,
        GL_ACCOUNT,
        VAT_CODE,
        PAYMENT_CONDITION,
        ACCOUNT,
        SALES_ENTRY,
        SALES_ENTRY_LINE,
    )
}
"""Every resource that answers, by its path below the division (``current/Me`` has none)."""
